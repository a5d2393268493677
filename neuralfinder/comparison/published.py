"""The three tables of the 2017 text, from the papers that they were taken from: error on test data in percent."""

from __future__ import annotations

from dataclasses import dataclass

NAS = "Zoph & Le, ICLR 2017 (arXiv 1611.01578v2), table 1"
QNN = "Baker et al., ICLR 2017 (arXiv 1611.02167), table 3"
QNN_TOP = "Baker et al., ICLR 2017 (arXiv 1611.02167), table A2"
EVOLUTION = "Real et al., ICML 2017 (arXiv 1703.01041), table 1"
SEED = "NeuralFinder, 2017, section 3.2"

PROTOCOL = (
    "Published figures are errors after the authors' full training: usually 50,000 pictures, 200 to 400 epochs, "
    "shift and mirror, a recipe of their own, often the best of several networks chosen with much more computing. "
    "Ours are measured within the minutes given, with one recipe for all, on a training part without the validation "
    "part. The two are not to be compared number by number."
)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """One published table: a title, the source, names of the columns, and rows of as many cells."""

    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _rows(text: str) -> tuple[tuple[str, ...], ...]:
    """One row a line, cells between bars."""
    return tuple(tuple(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines())


ERROR_TABLES = (
    ErrorTable(
        "CIFAR-10: hand-made networks and networks found by reinforcement learning",
        NAS,
        ("model", "depth", "parameters", "error %"),
        _rows("""
Network in network | - | - | 8.81
All-CNN | - | - | 7.25
Deeply supervised net | - | - | 7.97
Highway network | - | - | 7.72
Scalable Bayesian optimisation | - | - | 6.37
FractalNet | 21 | 38.6 M | 5.22
FractalNet with dropout and drop-path | 21 | 38.6 M | 4.60
ResNet | 110 | 1.7 M | 6.61
ResNet (as reported by Huang et al.) | 110 | 1.7 M | 6.41
ResNet with stochastic depth | 110 | 1.7 M | 5.23
ResNet with stochastic depth | 1202 | 10.2 M | 4.91
Wide ResNet | 16 | 11.0 M | 4.81
Wide ResNet | 28 | 36.5 M | 4.17
ResNet, pre-activation | 164 | 1.7 M | 5.46
ResNet, pre-activation | 1001 | 10.2 M | 4.62
DenseNet, k = 12 | 40 | 1.0 M | 5.24
DenseNet, k = 12 | 100 | 7.0 M | 4.10
DenseNet, k = 24 | 100 | 27.2 M | 3.74
DenseNet-BC, k = 40 | 190 | 25.6 M | 3.46
NAS v1, no stride or pooling | 15 | 4.2 M | 5.50
NAS v2, predicting strides | 20 | 2.5 M | 6.01
NAS v3, max pooling | 39 | 7.1 M | 4.47
NAS v3, more filters | 39 | 37.4 M | 3.65
"""),
    ),
    ErrorTable(
        "Four data sets: hand-made networks and networks found by Q-learning",
        QNN,
        ("model", "CIFAR-10", "SVHN", "MNIST", "CIFAR-100"),
        _rows("""
Maxout | 9.38 | 2.47 | 0.45 | 38.57
Network in network | 8.81 | 2.35 | 0.47 | 35.68
FitNet | 8.39 | 2.42 | 0.51 | 35.04
Highway network | 7.72 | - | - | -
VGGnet | 7.25 | - | - | -
All-CNN | 7.25 | - | - | 33.71
MetaQNN, ensemble | 7.32 | 2.06 | 0.38 | -
MetaQNN, best network | 6.92 | 2.28 | 0.41 | 27.14
"""),
    ),
    ErrorTable(
        "CIFAR-10: the five best networks found by Q-learning",
        QNN_TOP,
        ("network", "parameters", "error %"),
        _rows("""
C(512,5) C(256,3) C(256,5) C(256,3) P(5,3) C(512,3) C(512,5) P(2,2) SM | 11.26 M | 6.92
C(128,1) C(512,3) C(64,1) C(128,3) P(2,2) C(256,3) P(2,2) C(512,3) P(3,2) SM | 2.2 M | 8.78
C(128,3) C(128,1) C(512,5) P(2,2) C(128,3) P(2,2) C(64,3) C(64,5) SM | 2.46 M | 8.88
C(256,3) C(256,3) P(5,3) C(256,1) C(128,3) P(2,2) C(128,3) SM | 1.13 M | 9.24
C(64,3) C(128,3) P(5,3) C(256,3) P(3,2) FC(512) FC(128) SM | 1.62 M | 9.48
"""),
    ),
)

STRATEGY_ERRORS: dict[str, tuple[float, str, str]] = {
    "artificial-life": (7.30, "2.4 M", SEED),
    "metaqnn": (6.92, "11.26 M", QNN),
    "nas-rl": (5.50, "4.2 M", NAS),
    "large-scale-evolution": (5.40, "5.4 M", EVOLUTION),
    "hill-climbing": (5.2, "19.7 M", "Elsken et al. 2017 (arXiv 1711.04528)"),
    "aging-evolution": (3.34, "3.2 M", "Real et al., AAAI 2019 (arXiv 1802.01548)"),
}
"""Strategy -> error on CIFAR-10 in percent, parameters and source of the best network published for it."""
