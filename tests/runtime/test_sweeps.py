"""Sweeps: what is run, how it is called, and the table of what came out."""

import csv
import io
import math

import pytest
from scipy import stats

from configs.digits_nonconv import config
from ebm_tf.errors import ConfigError
from ebm_tf.runtime import sweeps

ROWS = [
    ({"seed": str(seed), "energy.width": width}, {"fid": fid, "words": "x", "n": 3})
    for width, fids in (("8", (1.0, 2.0, 4.0)), ("16", (0.5, None, 0.7)))
    for seed, fid in enumerate(fids)
]


def test_values_are_split_outside_of_brackets_and_quotes():
    words = ["seed=0, 1,2", "start={'type': 'A', 'b': (1, 2)},\"x,y\"", "a.b=1"]
    assert sweeps.axes(words) == {
        "seed": ["0", "1", "2"],
        "start": ["{'type': 'A', 'b': (1, 2)}", '"x,y"'],
        "a.b": ["1"],
    }


@pytest.mark.parametrize("words", [["seed"], ["seed="], ["seed=1,,2"], ["a=1", "a=2"]])
def test_words_of_another_form_are_mistakes(words):
    with pytest.raises(ConfigError, match="key.path=value,value, each setting once"):
        sweeps.axes(words)


def test_values_differ():
    with pytest.raises(ConfigError, match="different values of seed, got 1, 1"):
        sweeps.axes(["seed=1,1"])


def test_there_is_an_experiment_for_each_combination():
    axes = sweeps.axes(["seed=0,1", "energy.width=4,6,8"])
    found = sweeps.experiments(config, axes)
    assert [(one.seed, one.energy.width) for one in found.values()] == [
        (seed, width) for seed in (0, 1) for width in (4, 6, 8)
    ]
    assert list(found)[:2] == ["seed=0_energy.width=4", "seed=0_energy.width=6"]
    pairs = list(sweeps.combinations(axes))
    assert sweeps.assignments(pairs[-1]) == ["seed=1", "energy.width=8"]


def test_names_are_those_of_folders_and_differ():
    axes = {"data.split": ["train[:50]", "train[:50 ]", "a/b"]}
    names = list(sweeps.experiments(config, axes))
    assert names == ["data.split=train-50-", "data.split=train-50-_1", "data.split=a-b"]


def test_an_unknown_setting_is_a_mistake():
    with pytest.raises(ConfigError, match="Unknown setting 'sead'"):
        sweeps.experiments(config, {"sead": ["1"]})


def test_many_runs_are_counted_and_the_first_named():
    names = [f"seed={seed}" for seed in range(23)]
    first, *rest = sweeps.announced(names, [f"seed={','.join(map(str, range(23)))}"])
    assert first.startswith("23 runs of seed=0,1,2,") and len(rest) == 21
    assert rest[-1] == "  and 3 more"
    assert [*sweeps.announced(["seed=5"], [])] == ["1 run:", "  seed=5"]


def test_labels_are_short():
    label = sweeps.label
    assert label("{'type': 'ClassPca', 'retained': 0.9}") == "ClassPca retained=0.9"
    assert label("{'type': 'Mixture', 'of': ()}") == "Mixture"
    assert [label(x) for x in ("joint", 20, "(1, 2)")] == ["joint", "20", "(1, 2)"]


def test_the_interval_is_that_of_student():
    values = [1.0, 2.0, 4.0]
    mean, error = sweeps.mean_and_error(values)
    low, high = stats.t.interval(0.95, 2, mean, stats.sem(values))
    assert mean == pytest.approx(7 / 3) and error is not None
    assert (mean - error, mean + error) == pytest.approx((low, high))
    assert sweeps.mean_and_error([3.0]) == (3.0, None)


def test_what_is_the_same_everywhere_is_not_compared():
    assert sweeps.compared(ROWS) == ["fid"]
    assert sweeps.number(math.nan) is sweeps.number(True) is sweeps.number("1") is None


def test_the_table_has_a_row_for_each_run_and_a_line_for_each_group():
    found = list(csv.DictReader(io.StringIO(sweeps.csv_text(ROWS))))
    assert [row["fid"] for row in found] == ["1.0", "2.0", "4.0", "0.5", "", "0.7"]
    assert list(found[0]) == ["seed", "energy.width", "fid", "n"]
    head, *lines = sweeps.lines(ROWS, ["fid"])
    assert head.split() == ["energy.width", "runs", "fid"]
    assert lines[0].split() == ["8", "3", "2.333", "+-", "3.8"]
    assert lines[1].split() == ["16", "3", "0.6", "+-", "1.3"]
