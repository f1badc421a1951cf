"""What is kept is found again, by content, and damage is no more than a loss."""

import numpy as np

from ebm_tf.directions.kept_rows import KeptRows

IMAGES = np.random.default_rng(1).normal(size=(4, 2, 2, 1)).astype(np.float32)
CLASSES = np.array([0, 1, 1, 0])
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_nothing_is_known_at_first(tmp_path):
    rows, known = KeptRows(str(tmp_path / "new"), 3).recall(IMAGES, CLASSES)
    assert rows.shape == (4, 3) and rows.dtype == np.float32
    assert not known.any() and not rows.any()


def test_rows_are_found_again_in_any_order_and_process(tmp_path):
    first = KeptRows(str(tmp_path), 3)
    first.keep(IMAGES[:3], CLASSES[:3], ROWS[:3])
    for kept in (first, KeptRows(str(tmp_path), 3)):
        rows, known = kept.recall(IMAGES[::-1], CLASSES[::-1])
        assert known.tolist() == [False, True, True, True]
        np.testing.assert_array_equal(rows[1:], ROWS[2::-1])


def test_an_image_has_a_row_for_each_class(tmp_path):
    kept = KeptRows(str(tmp_path), 3)
    kept.keep(IMAGES, CLASSES, ROWS)
    assert not kept.recall(IMAGES, 1 - CLASSES)[1].any()
    kept.keep(IMAGES, 1 - CLASSES, -ROWS)
    again = KeptRows(str(tmp_path), 3)
    np.testing.assert_array_equal(again.recall(IMAGES, CLASSES)[0], ROWS)
    np.testing.assert_array_equal(again.recall(IMAGES, 1 - CLASSES)[0], -ROWS)


def test_one_bit_of_an_image_makes_another_row(tmp_path):
    kept = KeptRows(str(tmp_path), 3)
    kept.keep(IMAGES, CLASSES, ROWS)
    changed = IMAGES.copy()
    changed[0, 0, 0, 0] = np.nextafter(changed[0, 0, 0, 0], 9.0, dtype=np.float32)
    assert kept.recall(changed, CLASSES)[1].tolist() == [False, True, True, True]


def test_damaged_files_and_those_of_other_widths_are_not_used(tmp_path):
    KeptRows(str(tmp_path), 3).keep(IMAGES[:2], CLASSES[:2], ROWS[:2])
    (damaged,) = tmp_path.iterdir()
    KeptRows(str(tmp_path), 3).keep(IMAGES[2:], CLASSES[2:], ROWS[2:])
    damaged.write_bytes(damaged.read_bytes()[:-40])
    (tmp_path / "notes.txt").write_text("mine")
    known = KeptRows(str(tmp_path), 3).recall(IMAGES, CLASSES)[1]
    assert known.tolist() == [False, False, True, True]
    assert not KeptRows(str(tmp_path), 4).recall(IMAGES, CLASSES)[1].any()


def test_what_was_asked_for_is_told_once(tmp_path):
    KeptRows(str(tmp_path), 3).keep(IMAGES, CLASSES, ROWS)
    kept = KeptRows(str(tmp_path), 3)
    assert kept.asked().shape == (0, 3)
    kept.recall(IMAGES[:2], CLASSES[:2])
    kept.recall(IMAGES[1:3], CLASSES[1:3])
    np.testing.assert_array_equal(kept.asked(), ROWS[:3])
