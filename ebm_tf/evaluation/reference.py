"""Summaries of the images that samples are compared with, computed once."""

import os
from collections.abc import Mapping
from typing import Any

from ebm_tf import pixels
from ebm_tf.config.fid import MeasuredChains
from ebm_tf.data.pipelines import images_in_order, num_images
from ebm_tf.data.sources import Source
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.features import Extractor, extracted
from ebm_tf.evaluation.frechet import Moments, load_moments
from ebm_tf.evaluation.summaries import Summary, published, summarize
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import load_arrays, make_folder, save_arrays
from ebm_tf.runtime.kept import short_hash
from ebm_tf.runtime.workspace import Workspace

FOLDER = "reference"
FORMAT = 2  # to be raised where the same images would get other features


def summary_of_reference(
    config: MeasuredChains,
    source: Source | None,
    extractor: Extractor,
    replicas: Replicas,
    workspace: Workspace,
) -> tuple[Summary, str]:
    """The summary that samples are compared with, and its description.

    The summary of a dataset is kept beside the runs, under a key of everything that
    determines it, the content of its images too. Published moments need no dataset,
    so the source may be None.

    Raises:
      DataError: if published moments are missing or damaged.
      ConfigError: if they are of other features.
    """
    if config.reference:
        moments = load_moments(config.reference)
        if len(moments.mean) != extractor.size:
            raise ConfigError(
                f"Expected the moments {config.reference} to have {extractor.size} "
                f"dimensions like the features {extractor.name}, got "
                f"{len(moments.mean)}."
            )
        return published(moments), config.reference
    if source is None:
        raise ValueError("Expected a dataset where there is no file of moments.")
    count = num_images(source, config.num_reference)
    name = f"{source.name}, split {source.split}, {count:,} images"
    path = _cache_path(config, source, extractor, workspace)
    if (kept := _load(path)) is not None:
        return kept, name
    workspace.log(f"Computing features {extractor.name} of the reference: {name}.")
    images = (
        pixels.to_bytes(part)
        for part, _ in images_in_order(source, config.data, limit=count)
    )
    summary = summarize(extracted(images, extractor, replicas), count, num_parts=1)
    if workspace.is_chief:  # several workers would move away each other's file
        _save(path, summary)
    return summary, name


def _cache_path(
    config: MeasuredChains, source: Source, extractor: Extractor, workspace: Workspace
) -> str:
    data, count = config.data, num_images(source, config.num_reference)
    key: Mapping[str, Any] = {
        "format": FORMAT,
        # Not where it lies: a dataset that is prepared again lies there too.
        "content": [source.digest(count), count],
        "images": [data.image_size, data.channels],
        "extractor": [extractor.name, extractor.size, extractor.resize],
        "weights": [extractor.weights, extractor.network],
    }
    stem = os.path.basename(data.name)  # of a guest's file
    name = f"{stem}_{extractor.name}_{short_hash(key)}.npz"
    return os.path.join(workspace.root, FOLDER, name)


def _save(path: str, summary: Summary) -> None:
    count, mean, covariance = summary.whole
    make_folder(os.path.dirname(path))
    save_arrays(path, mu=mean, sigma=covariance, count=count, vectors=summary.vectors)


def _load(path: str) -> Summary | None:
    """The saved summary; None where there is none, or it is damaged."""
    try:
        stored = load_arrays(path)
        moments = Moments(int(stored["count"]), stored["mu"], stored["sigma"])
        return Summary([moments], [], stored["vectors"])
    # A damaged archive fails in too many ways to list.
    except Exception:
        return None
