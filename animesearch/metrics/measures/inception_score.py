"""Inception score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from animesearch.errors import MetricError
from animesearch.metrics.measures.base import MEASURES, MeasureSpec, Side, Value

if TYPE_CHECKING:
    import numpy.typing as npt


@MEASURES.register
class InceptionScore(MeasureSpec):
    """Inception score (Salimans 2016): sure about each image, undecided over all of them.

    ``exp E KL(p(y|x) || p(y))`` over the classes of the feature network, from 1 to their number;
    mean and standard deviation over splits of the shuffled fakes.  The classes are ImageNet's,
    which has no faces: of use to compare with published numbers, hardly more.
    """

    source: ClassVar[str] = "Salimans 2016, arXiv:1606.03498, section 4"
    values: ClassVar[Mapping[str, Value]] = {
        "inception_score": Value("higher", "sure and varied classes of the fakes, at least 1"),
        "inception_score_sd": Value("none", "standard deviation of the score over splits"),
    }
    needs_real: ClassVar[bool] = False
    needs_logits: ClassVar[bool] = True

    name: Literal["inception-score"] = "inception-score"
    splits: int = Field(10, ge=1, le=1000, description="parts that are scored apart")
    seed: int = Field(2020, ge=0, lt=2**32, description="seed of the order before splitting")

    @override
    def _compute(self, real: Side, fake: Side, held: Side | None) -> dict[str, float]:
        import numpy as np

        if len(fake) < self.splits:
            raise MetricError(f"{self.splits} splits need as many images, there are {len(fake)}")
        # RandomState and these borders, so that the splits are torch-fidelity's.
        order_N = np.random.RandomState(self.seed).permutation(len(fake))
        borders = [part * len(fake) // self.splits for part in range(1, self.splits)]
        assert fake.logits_NK is not None  # checked by the base class
        scores = [_score(fake.logits_NK[rows]) for rows in np.split(order_N, borders)]
        return {
            "inception_score": float(np.mean(scores)),
            "inception_score_sd": float(np.std(scores)),
        }


def _score(logits_NK: npt.NDArray[Any]) -> float:
    """exp of the entropy of the mean less the mean entropy."""
    import numpy as np
    from scipy.special import log_softmax, xlogy

    log_NK = log_softmax(logits_NK.astype(np.float64), axis=1)
    p_NK = np.exp(log_NK)
    mean_K = p_NK.mean(axis=0)
    kept = float((p_NK * log_NK).sum(axis=1).mean())
    return float(np.exp(kept - xlogy(mean_K, mean_K).sum()))
