"""What a run that is called again finds spoilt or gone, and what becomes of it."""

from __future__ import annotations

import dataclasses

from neuralfinder.errors import RunFolderError, some
from neuralfinder.job.status import Status
from neuralfinder.search.events import Asked, Finished, FullyTrained
from neuralfinder.search.record import Record
from neuralfinder.training.batches import Views
from neuralfinder.training.model import Model
from neuralfinder.training.weights import WeightStore


def whole_weights(record: Record, store: WeightStore, status: Status) -> Finished | None:
    """Delete weights that are spoilt or of another network; what needs them trains them again.

    Returns:
        The end of a run that is finished and has all weights that its model can be made of again; `None` of another.

    Raises:
        RunFolderError: it is finished, and some of them are gone.
    """
    genomes, trained = dict[str, str](), dict[str, FullyTrained]()
    for event in record.events():
        if isinstance(event, Asked):
            genomes |= {str(candidate.id): candidate.genome.key for candidate in event.candidates}
        elif isinstance(event, FullyTrained):
            genomes[event.name], trained[event.name] = event.genome, event
    if spoilt := store.drop_spoilt(genomes):
        status.say(f"weights that are spoilt or another network's were deleted: {some(spoilt)}")
    if (finished := record.latest(Finished)) is None:
        return None
    if lost := [name for name, each in trained.items() if each.weights and each.weights != store.fingerprint(name)]:
        raise RunFolderError(
            str(store.folder.parent), given=f"a finished run without its model and without the weights {some(lost)}",
            expected="one of both", mend="restore them, or delete the folder and search again",
        )  # fmt: skip
    status.say(f"{store.folder.parent}/model is gone; it is made again from the weights")
    return finished


def as_it_was(model: Model, finished: Finished) -> Model:
    """A model that was made again, with what was decided by the clock and by measuring when the run finished."""
    views, temperature = finished.outcome["views"], finished.outcome["calibration"]["temperature"]
    return dataclasses.replace(model, views=Views(**views), temperature=temperature)
