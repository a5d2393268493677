"""A linear model of n-grams beside a network: what learns by itself is fitted once for all networks of a task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.networks.genome import Genome, PoolHead
from neuralfinder.training.batches import Part

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import SGDClassifier

    from neuralfinder.training.train import Setup

BAG = "bag"
"""Its name beside a network's layers."""

TOKENS_TOGETHER, LETTERS_TOGETHER = 2, 5
"""The longest n-grams of a bag: pairs of tokens, five letters. Six letters and three tokens are level (docs/LOG.md)."""

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
"""2^64 by the golden ratio, as 64 bits with a sign: for multiplicative hashing (Knuth, vol. 3, 6.4)."""

AT_ONCE = 64
"""Texts whose n-grams are looked up at once: some ten thousand of each long one."""

CHOOSING, PASSES = 2, 6
"""Passes over the texts to choose a strength, and more of them for the one chosen; twice as many change little
(docs/LOG.md)."""

STRENGTHS = (1e-5, 1e-6, 1e-4)
"""Of regularisation: sentences want more of it than long texts, so the validation part chooses (docs/LOG.md)."""

FACTORS = ((1 / 8, 4.0), (0.0, 1.0))
"""From, to: on the answers of logistic regression and of naive Bayes. Classes that are fitted one by one are too sure,
or not sure enough, beside a network; how much the n-grams say that a class never has, the task tells."""

UNSEEN = 0.01
"""How often naive Bayes takes an n-gram to have come in each class besides: a tenth as often is level, ten times as
often up to 1.7 points worse (docs/LOG.md)."""

GRAM_SECONDS, STEP_SECONDS = 5e-7, 4.5e-9
"""What a different n-gram of a text takes to be found, and in a pass for each class, on two cores (docs/LOG.md)."""

MOST_GRAMS = 100_000_000
"""N-grams that are kept at most, of 8 bytes each."""

SHARE = 0.1
"""Of the minutes, that fitting may take."""


class Bag(nn.Module):
    """Linear in n-grams of tokens and of letters, hashed: TF-IDF, scaled to length 1.

    An n-gram that comes `n` times in a text and is in `met` of `texts` texts counts 1 + log n times 1 + log((1 + texts)
    / (1 + met)) (Sparck Jones 1972; Manning, Raghavan & Schuetze 2008, section 6.4.1).

    Args:
        bits: logarithm to base 2 of the rows that are hashed to.
        classes: number of outputs.
    """

    weight: Tensor
    bias: Tensor
    met: Tensor
    texts: Tensor

    def __init__(self, bits: int, classes: int) -> None:
        super().__init__()
        self.bits, self.nothing = bits, 1 << bits
        # no parameters, for no training of a network changes them, and no part of its state: that is kept by candidate
        for name, shape in (("weight", (self.nothing + 1, classes)), ("bias", classes), ("met", self.nothing + 1)):
            self.register_buffer(name, torch.zeros(shape), persistent=False)
        self.register_buffer("texts", torch.zeros(()), persistent=False)

    @property
    def state(self) -> dict[str, Tensor]:
        """All that it knows, by name."""
        return dict(self.named_buffers())

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Have the state of another one, which is shared and not copied.

        Raises:
            KeyError: something is missing.
            ValueError: it is of another shape or type.
        """
        for name, own in self.state.items():
            if (own.shape, own.dtype) != (state[name].shape, state[name].dtype):
                given = f"{tuple(state[name].shape)} of {state[name].dtype}"
                raise ValueError(f"{name} of a bag is {given}, expected {tuple(own.shape)} of {own.dtype}")
            setattr(self, name, state[name])

    def forward(self, lines: Tensor) -> Tensor:
        """`(n, pieces, 2, width)` integers, tokens and letters, 0 for padding -> `(n, classes)`, by all pieces."""
        rows, weights = self.features(lines)
        return F.embedding_bag(rows, self.weight, mode="sum", per_sample_weights=weights) + self.bias

    def features(self, lines: Tensor) -> tuple[Tensor, Tensor]:
        """Rows `(n, k)` of the n-grams of the texts, and how much each of them counts: 0 for one that comes again."""
        rows, times = self.counts(lines)
        rarity = 1 + torch.log((1 + self.texts) / (1 + self.met[rows]))
        weights = torch.where(times > 0, rarity * (1 + times.clamp(min=1).log()), 0)
        return rows, weights / weights.norm(dim=1, keepdim=True).clamp(min=1)

    def counts(self, lines: Tensor) -> tuple[Tensor, Tensor]:
        """Rows `(n, k)` of the n-grams of the texts, sorted, and how often each comes: 0 but at its last place."""
        rows = self.rows(lines).int().sort(dim=1).values
        places = torch.arange(rows.shape[1], device=rows.device)
        edge = torch.ones_like(rows[:, :1], dtype=torch.bool)
        other = rows[:, 1:] != rows[:, :-1]
        begins = places.where(torch.cat([edge, other], dim=1), 0).cummax(dim=1).values
        last = torch.cat([other, edge], dim=1) & (rows != self.nothing)
        return rows, torch.where(last, places + 1 - begins, 0)

    def rows(self, lines: Tensor) -> Tensor:
        """Rows `(n, k)` of the n-grams that end at each place of each piece; `nothing` where there is none."""
        tokens, letters = lines.flatten(0, 1).long().unbind(1)
        found = [*self._ending(tokens, TOKENS_TOGETHER), *self._ending(-letters, LETTERS_TOGETHER)]
        return torch.cat(found, dim=1).view(lines.shape[0], -1)

    def _ending(self, line: Tensor, longest: int) -> Iterator[Tensor]:
        """The rows of all n-grams that end at each place, `(n, width)` of each n; `nothing` where there is none."""
        keys, real = torch.zeros_like(line), line != 0
        for back in range(longest):
            earlier = F.pad(line, (back, 0))[:, : line.shape[1]]
            real = real & (earlier != 0)
            keys = (keys + earlier) * _GOLDEN
            keys = keys ^ (keys >> 32)
            yield (keys * _GOLDEN >> 64 - self.bits & (1 << self.bits) - 1).where(real, self.nothing)


def answers_of(bag: Bag, part: Part) -> Tensor:
    """Logits `(n, classes)` of a part; kept beside it, for all networks of a task have the same bag."""
    key = bag.bits, *bag.bias.tolist()
    if key not in part.answers:
        some = [bag(lines.to(bag.bias.device)) for lines in part.chunks(AT_ONCE)]
        part.answers[key] = torch.cat(some)
    return part.answers[key]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bag's state, and what was chosen by the validation part: one of `STRENGTHS`, and factors within `FACTORS`."""

    state: dict[str, Tensor]
    strength: float
    factors: np.ndarray


@dataclass(eq=False)
class Bags:
    """The bags of one setup by their bits, each fitted when it is first asked for; equal data give equal ones.

    Attributes:
        seconds: that fitting one may take, as planned; it has fewer texts then.
        first: the setup whose choice of strength and factors holds, `None` for the one itself.
    """

    seconds: float = math.inf
    first: Setup | None = None
    known: dict[int, Fitted] = field(default_factory=dict)

    def of(self, bits: int, setup: Setup) -> Fitted:
        """The bag of so many bits, fitted to the training part of the setup that these belong to."""
        if bits not in self.known:
            chosen = self.first.bags.of(bits, self.first) if self.first else None
            self.known[bits] = fit(bits, setup, self.seconds, chosen)
        return self.known[bits]

    def beside(self, genome: Genome, setup: Setup) -> dict[str, Tensor]:
        """What networks of this genome have beside their own state: that of their bag, nothing where they have none."""
        bits = genome.head.bag if isinstance(genome.head, PoolHead) else 0
        return {f"{BAG}.{name}": own for name, own in self.of(bits, setup).state.items()} if bits else {}


def fit(bits: int, setup: Setup, seconds: float, chosen: Fitted | None = None) -> Fitted:
    """Logistic regression of each class against the others, by averaged stochastic gradient descent, and naive Bayes.

    Both are linear in the same features, so their sum is (interpolated as by Wang & Manning 2012): the one learns what
    tells classes apart, the other what is rare, of which many steps would have to be made to learn as much.

    Args:
        bits: of the bag.
        setup: of texts.
        seconds: as planned; some texts are used however little that is.
        chosen: one whose strength and factors are taken; else the likeliest on the validation part.
    """
    from sklearn.linear_model import SGDClassifier

    bag = Bag(bits, setup.classes)
    part = _affordable(bag, setup, seconds)
    for lines in part.chunks(AT_ONCE):
        rows, times = bag.counts(lines.cpu())
        bag.met += torch.bincount(rows[times > 0], minlength=len(bag.met))
    bag.texts.fill_(len(part))
    features, labels = _matrix(bag, part), part.labels.cpu().numpy()
    counts = np.ones(setup.classes) if setup.weights is None else setup.weights.cpu().numpy()
    tried = [
        SGDClassifier(
            loss="log_loss", alpha=strength, average=True, random_state=0, class_weight=dict(enumerate(counts)),
            n_jobs=torch.get_num_threads(),
        )
        for strength in ((chosen.strength,) if chosen else STRENGTHS)
    ]  # fmt: skip
    for model in tried:
        _pass(model, CHOOSING, features, labels, setup.classes)
    if not chosen:
        own, truth = _matrix(bag, setup.validation), setup.validation.labels.cpu().numpy()
        known = [_likeliest([_logits(_linear(model), own)], truth, counts)[1] for model in tried]
        tried = [tried[int(np.argmax(known))]]
    (model,) = tried
    _pass(model, PASSES, features, labels, setup.classes)
    both = _linear(model), naive_bayes(features, labels, counts)
    factors = chosen.factors if chosen else _likeliest([_logits(one, own) for one in both], truth, counts)[0]
    for factor, (coefficients, intercepts) in zip(factors, both, strict=True):
        bag.weight[:-1] += torch.from_numpy((factor * coefficients.T).astype(np.float32))
        bag.bias += torch.from_numpy((factor * intercepts).astype(np.float32))
    return Fitted(bag.state, model.alpha, factors)


def _pass(model: SGDClassifier, times: int, features: csr_matrix, labels: np.ndarray, classes: int) -> None:
    for _ in range(times):
        model.partial_fit(features, labels, classes=np.arange(classes))


def _affordable(bag: Bag, setup: Setup, seconds: float) -> Part:
    """The training part, or as many texts of it as time and memory allow."""
    part, some = setup.train, min(AT_ONCE, len(setup.train))
    grams = int((bag.counts(part.take(torch.arange(some)).cpu())[1] > 0).sum()) / some
    models = setup.classes if setup.classes > 2 else 1
    each = GRAM_SECONDS + STEP_SECONDS * (CHOOSING * len(STRENGTHS) + PASSES) * models
    most = max(AT_ONCE, int(min(MOST_GRAMS, seconds / each) / max(1.0, grams)))
    if most >= len(part):
        return part
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
    return part.subset(order[:most].sort().values)


def _matrix(bag: Bag, part: Part) -> csr_matrix:
    """What counts in each text, `(n, rows)`."""
    from scipy.sparse import csr_matrix

    columns, numbers, ends = list[np.ndarray](), list[np.ndarray](), [0]
    for lines in part.chunks(AT_ONCE):
        rows, weights = bag.features(lines.cpu())
        real = weights > 0
        columns.append(rows[real].numpy())
        numbers.append(weights[real].numpy())
        ends += (ends[-1] + real.sum(1).cumsum(0)).tolist()
    return csr_matrix((np.concatenate(numbers), np.concatenate(columns), ends), shape=(len(part), bag.nothing))


Coefficients = tuple[np.ndarray, np.ndarray]
"""Of a linear model: `(classes, rows)`, and intercepts `(classes,)`."""


def _linear(model: SGDClassifier) -> Coefficients:
    """Of all classes; of two, scikit-learn keeps those of one."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(coefficients) > 1:
        return coefficients, intercepts
    return np.concatenate([0 * coefficients, coefficients]), np.concatenate([0 * intercepts, intercepts])


def naive_bayes(features: csr_matrix, labels: np.ndarray, counts: np.ndarray) -> Coefficients:
    """Naive Bayes, samples counting by their class: logarithms, less their means over the classes.

    A class without a text is as unlikely by each n-gram as the unlikeliest of the others.
    """
    from sklearn.naive_bayes import MultinomialNB

    model = MultinomialNB(alpha=UNSEEN)
    model.partial_fit(features, labels, classes=np.arange(len(counts)), sample_weight=counts[labels])
    usual, there = model.feature_log_prob_, model.class_count_
    usual[there == 0] = usual[there > 0].min(axis=0)
    return usual - usual.mean(axis=0), np.log(there + UNSEEN) - np.log(there + UNSEEN).mean()


def _logits(model: Coefficients, features: csr_matrix) -> np.ndarray:
    coefficients, intercepts = model
    return np.asarray(features @ coefficients.T + intercepts)


def _likeliest(answers: Sequence[np.ndarray], labels: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, float]:
    """The factors on some logits by whose sum the labels are the likeliest, and their mean log-likelihood then.

    Samples count by their class; a factor costs its square in samples, so that few of them do not have it all.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    logits, own = np.stack(answers), (np.arange(len(labels)), labels)
    weights = counts[labels] / counts[labels].sum()

    def unlikely(factors: np.ndarray) -> tuple[float, np.ndarray]:
        likely = log_softmax(np.tensordot(factors, logits, 1), axis=1)
        gradient = np.tensordot(logits, weights[:, None] * np.exp(likely), 2) - logits[:, *own] @ weights
        return float(factors @ factors / len(labels) - likely[own] @ weights), gradient + 2 * factors / len(labels)

    best = minimize(unlikely, np.eye(1, len(logits))[0], jac=True, method="L-BFGS-B", bounds=FACTORS[: len(logits)])
    return best.x, -float(best.fun)
