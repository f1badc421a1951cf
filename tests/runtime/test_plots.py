"""Pictures: what is in the files."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from ebm_tf.evaluation import plots as evaluation_plots
from ebm_tf.evaluation.training import plots as training_plots
from ebm_tf.evaluation.verdicts import natural_verdicts
from ebm_tf.runtime import plots
from ebm_tf.runtime.plots import GAP, LEAST_CELL
from ebm_tf.runtime.workspace import Workspace


def flat(*values: float, size: int = 64, channels: int = 3) -> np.ndarray:
    """Images of one value each."""
    return np.stack([np.full([size, size, channels], v, np.float32) for v in values])


def cells(picture: np.ndarray, size: int) -> np.ndarray:
    """The pixel in the middle of every cell, [rows, columns, 3]."""
    pitch = size + GAP
    return picture[size // 2 :: pitch, size // 2 :: pitch]


@pytest.mark.parametrize(
    ("count", "side"), [(1, 1), (3, 1), (4, 2), (8, 2), (9, 3), (99, 9), (100, 10)]
)
def test_the_first_square_number_of_images_is_shown(count, side):
    values = np.linspace(-1, 1, count)
    picture = plots.grid(flat(*values))
    pitch = 64 + GAP
    assert picture.shape == (side * pitch, side * pitch, 3)
    assert picture.dtype == np.uint8
    expected = np.rint((values[: side**2] + 1) * 127.5).reshape([side, side])
    np.testing.assert_allclose(cells(picture, 64)[..., 0], expected, atol=1)


def test_values_are_clipped():
    picture = cells(plots.grid(flat(-9.0, -1.0, 1.0, 9.0)), 64)
    assert picture[..., 0].tolist() == [[0, 0], [255, 255]]


def test_channels():
    coloured = flat(0.0)
    coloured[..., 0], coloured[..., 2] = 1.0, -1.0
    assert cells(plots.grid(coloured), 64)[0, 0].tolist() == [255, 128, 0]
    grey = plots.grid(flat(1.0, channels=1))
    assert grey.shape[-1] == 3
    assert cells(grey, 64)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("size", "cell"), [(8, 64), (28, 84), (64, 64), (128, 128)])
def test_small_images_are_enlarged(size, cell):
    picture = plots.grid(flat(0.5, size=size, channels=1))
    assert picture.shape == (cell + GAP, cell + GAP, 3) and cell >= LEAST_CELL


def test_rows_are_not_columns():
    image = flat(-1.0, size=8)
    image[0, :4] = 1.0  # the upper half
    picture = plots.grid(image)
    assert picture[10, 32].tolist() == [255] * 3 and picture[54, 32].tolist() == [0] * 3


def test_a_grid_is_a_png_of_the_same_pixels(tmp_path):
    path = tmp_path / "grid.png"
    images = np.random.default_rng(0).normal(size=[5, 8, 8, 1])
    plots.save_grid(str(path), images)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), plots.grid(images))


def test_an_animation_has_every_frame_and_rests_on_the_last(tmp_path):
    path = tmp_path / "chains.gif"
    frames = np.random.default_rng(0).uniform(-1, 1, [7, 4, 8, 8, 1])
    plots.save_animation(str(path), frames, milliseconds=50)
    with Image.open(path) as picture:
        assert picture.format == "GIF" and picture.n_frames == 7  # pyright: ignore
        assert picture.size == (2 * (64 + GAP), 2 * (64 + GAP))
        assert picture.info["loop"] == 0
        durations = []
        for index in range(7):
            picture.seek(index)
            durations.append(picture.info["duration"])
        last = np.asarray(picture.convert("RGB"), np.float32)
    assert durations == [50] * 6 + [1000]
    assert np.abs(last - plots.grid(frames[-1])).mean() < 10
    assert np.abs(last - plots.grid(frames[0])).mean() > 20


@pytest.mark.parametrize("count", [2, 3, 40])
def test_a_diagnosis_is_drawn(tmp_path, count):
    path = tmp_path / "diagnosis.png"
    random = np.random.default_rng(count)
    differences, norms = random.normal(size=[2, count])
    training_plots.save_diagnosis(str(path), differences, norms, last=count + 100)
    with Image.open(path) as picture:
        values = np.asarray(picture.convert("RGB"))
    height, width = values.shape[:2]
    quarters = [
        values[y : y + height // 2, x : x + width // 2]
        for y in (0, height // 2)
        for x in (0, width // 2)
    ]
    for quarter in quarters:  # each of the four plots has lines or bars in colour
        coloured = np.ptp(quarter.astype(int), axis=-1) > 40
        assert coloured.sum() > 20
    assert [p.name for p in tmp_path.iterdir()] == ["diagnosis.png"]


def test_another_record_is_another_plot(tmp_path):
    random = np.random.default_rng(0)
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    for path in (first, second):
        differences, norms = random.normal(size=[2, 20])
        training_plots.save_diagnosis(str(path), differences, norms, last=20)
    assert first.read_bytes() != second.read_bytes()


def coloured(path) -> np.ndarray:
    """Which pixels [H, W] of a plot are neither black, white nor grey."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        values = np.asarray(picture.convert("RGB"))
    return np.ptp(values.astype(int), axis=-1) > 40


def halves(mask: np.ndarray) -> list[np.ndarray]:
    return np.array_split(mask, 2, axis=1)


@pytest.mark.parametrize(("records", "chains"), [(1, 1), (2, 50), (100, 3)])
def test_traces_are_drawn(tmp_path, records, chains):
    path = tmp_path / "traces.png"
    random = np.random.default_rng(0)
    energies, drifts = random.normal(size=[2, records, chains])
    steps = np.arange(1, records + 1) * 10
    plots.save_traces(str(path), steps, energies, drifts)
    if records > 1:  # a line needs two points
        assert all(half.sum() > 20 for half in halves(coloured(path)))
    first = path.read_bytes()
    for changed in ((steps, energies + 1, drifts), (steps, energies, drifts + 1)):
        plots.save_traces(str(path), *changed)
        assert path.read_bytes() != first
    assert [p.name for p in tmp_path.iterdir()] == ["traces.png"]


@pytest.mark.filterwarnings("error")
def test_traces_of_chains_that_ran_away(tmp_path):
    path = tmp_path / "traces.png"
    energies = np.array([[1.0, 2.0], [np.inf, 3.0], [np.nan, np.nan]])
    plots.save_traces(str(path), np.array([1, 2, 3]), energies, energies)
    assert path.exists()


def test_first_steps_do_not_squash_the_others():
    """Limits hold all that comes later; where all fit well there are none."""
    random = np.random.default_rng(0)
    later = 10.0 + random.normal(size=[100, 30])
    assert plots.later_limits(later) is None
    assert plots.later_limits(later[:1]) is None
    squashed = later + 1e4 * np.exp(-np.arange(100.0))[:, None]
    limits = plots.later_limits(squashed)
    assert limits is not None
    low, high = limits
    inside = (squashed > low) & (squashed < high)
    assert inside[11:].mean() > 0.99 and not inside[:5].any()
    assert high - low < 4 * np.ptp(later)
    squashed[50, 3] = np.nan
    squashed[2, 4] = np.inf
    assert plots.later_limits(squashed) == pytest.approx((low, high), rel=0.01)
    assert plots.later_limits(np.full([5, 2], np.nan)) is None
    constant = np.concatenate([[[5.0]], np.zeros([20, 1])])
    assert plots.later_limits(constant) is not None


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures that are saved from here on."""
    saved: list[Figure] = []
    for module in (plots, evaluation_plots):
        monkeypatch.setattr(
            module, "save_figure", lambda figure, _: saved.append(figure)
        )
    return saved


def ticks(figure: Figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def test_whole_numbers_have_whole_ticks(figures, tmp_path):
    shares = np.array([[1.0], [0.5], [0.25]])  # natural images and two runs
    evaluation_plots.save_defended(Workspace(str(tmp_path)), "it", shares)
    assert {"−1", "0", "1"} <= set(ticks(figures[0]))
    assert not any("." in label for label in ticks(figures[0]))
    curve = {"it": ([0.0, 0.5], [1.0, 2.0])}
    plots.save_curves("", curve, labels=("x", "y"))
    assert any("." in label for label in ticks(figures[1]))


def test_logarithmic_axes_have_plain_numbers(figures):
    steps = [1, 10, 100, 1000]
    for up in ([0.5, 3.0, 40.0, 700.0], [2.8, 2.9, 3.0, 3.4]):
        curve = {"it": (steps, up)}
        plots.save_curves("", curve, labels=("x", "y"), logarithmic=True)
    for figure, scale in zip(figures, ("log", "linear"), strict=True):
        assert {"1", "10", "100", "1000"} <= set(ticks(figure))
        assert figure.axes[0].get_yscale() == scale
        labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert not any("10^" in label for label in labels)


def test_captions_are_readable_where_a_figure_is_as_wide_as_a_page(figures, tmp_path):
    """At the 6.5 inches of a page no word is smaller than 7 points."""
    count, draw = 8, np.random.default_rng(0)
    images = draw.uniform(-1, 1, [count, 8, 8, 1]).astype(np.float32)
    labels = np.arange(count)
    found = natural_verdicts(images, labels == 9, labels)
    evaluation_plots.save_verdicts(Workspace(str(tmp_path)), found, images, labels)
    many = np.repeat(images, 5, 0)
    evaluation_plots.save_by_class("", np.arange(4), many, draw.uniform(size=40))
    assert len(figures) == 2
    for figure in figures:
        scale = min(1.0, 6.5 / figure.get_figwidth())
        words = [text for text in figure.findobj(Text) if text.get_text().strip()]
        assert len(words) > 10
        assert min(word.get_fontsize() for word in words) * scale >= 7.0


def test_the_lowest_point_of_a_curve_is_marked(tmp_path):
    def drawn(up: list[float], **how: bool) -> np.ndarray:
        path = tmp_path / "curves.png"
        curves = {"it": ([10, 100, 1000], up)}
        plots.save_curves(str(path), curves, labels=("x", "y"), mark_lowest=True, **how)
        return coloured(path)

    def place_of_the_mark(mask: np.ndarray) -> float:
        """Where the curve is thickest, as a share of the width."""
        columns = mask[40:-60, 60:-20].sum(0)  # without the labels
        return float(columns.argmax()) / len(columns)

    assert place_of_the_mark(drawn([1.0, 3.0, 3.0])) < 0.2
    assert place_of_the_mark(drawn([3.0, 3.0, 1.0])) > 0.8
    assert 0.4 < place_of_the_mark(drawn([2.0, 1.9, 2.0], logarithmic=True)) < 0.6


def test_curves_of_several_names_are_apart(tmp_path):
    one, two = tmp_path / "1.png", tmp_path / "2.png"
    curve = ([3, 6], [0.5, 0.25])
    plots.save_curves(str(one), {"a": curve}, labels=("x", "y"))
    both = {"a": curve, "b": ([3], [0.4])}
    plots.save_curves(str(two), both, labels=("x", "y"))
    assert coloured(two).sum() > coloured(one).sum() > 20


@pytest.mark.parametrize("high", [0, 3, 700])
def test_the_ages_of_chains_are_drawn(tmp_path, high):
    path = tmp_path / "ages.png"
    young, old = np.arange(40) % (high + 1), np.full([30], high)
    training_plots.save_ages(str(path), {"burn-in": young, "learning": old})
    assert all(half.sum() > 500 for half in halves(coloured(path)))
    first = path.read_bytes()
    training_plots.save_ages(str(path), {"burn-in": young + 1, "learning": old})
    assert path.read_bytes() != first
