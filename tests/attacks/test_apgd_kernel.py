"""The kernel of APGD: its schedule, its momentum, its best point, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks import losses
from ebm_tf.attacks.apgd_kernel import Run, auto_pgd, windows
from ebm_tf.attacks.balls import ball
from ebm_tf.attacks.gradients import plain
from ebm_tf.kernels import trace
from ebm_tf.protocols import Ascent
from tests.attacks.attack_laws import draw_colours, network
from tests.attacks.linear_classifiers import predicted

SEED = tf.constant([3, 8])
N = 12


def test_the_published_checkpoints():
    ends = [index + 1 for index, length in enumerate(windows(100)) if length]
    assert ends == [22, 41, 57, 70, 80, 87, 93, 99]
    ends = [index + 1 for index, length in enumerate(windows(20)) if length]
    assert ends == [4, 7, 9, *range(10, 21)]


@pytest.mark.parametrize("num_steps", [1, 3, 7, 20, 50, 99, 250])
def test_windows_follow_each_other(num_steps):
    lengths = windows(num_steps)
    assert len(lengths) == num_steps
    ends = [index for index, length in enumerate(lengths) if length]
    found = [lengths[end] for end in ends]
    np.testing.assert_array_equal(np.diff(np.r_[-1, ends]), found)
    assert found == sorted(found, reverse=True)
    assert num_steps - 1 - (ends[-1] if ends else -1) < max(
        found, default=num_steps + 1
    )


def region(norm):
    """Balls of twelve images, from small ones, where the loss is straight, on."""
    most = 0.4 if norm == "linf" else 2.0
    return ball(norm, tf.cast(tf.linspace(0.01, 1.0, N), tf.float32) * most)


def recorded(norm, num_steps):
    """A run that nothing stops.

    Returns:
      The first state; all later ones, and their losses and step sizes.
    """
    classifier = network(key=3)
    images = draw_colours(N)
    labels = predicted(classifier, images)
    around = region(norm)
    # The waves make the loss rise and fall.
    ascent = plain(
        classifier, lambda logits: losses.margin(tf.sin(3.0 * logits), labels)
    )
    compiled, outputs = tf.function(ascent, autograph=False), []

    def recording(images, seed):
        outputs.append(compiled(images, seed))
        return outputs[-1]

    run = Run(recording, around, images, labels, num_steps, stops_at_error=False)
    kernel = auto_pgd(run)
    position = (around.random_start(images, SEED), tf.zeros([N], tf.bool), SEED)
    state, info = kernel.init(position)
    _, _, (states, _) = trace(kernel, state, info, num_steps, SEED)
    losses_at = np.stack([output.loss for output in outputs[1:]])
    return state, states, losses_at, np.r_[state.step[None], states.step[:-1]]


def replayed(losses_at, first_loss, first_step, num_steps):
    """Step sizes of the published rules, one image at a time, from the losses only."""
    steps = np.zeros_like(losses_at)
    for image in range(losses_at.shape[1]):
        step, best, here = first_step[image], first_loss[image], first_loss[image]
        last_best, was_halved, num_rises = best, True, 0
        length, passed = max(int(0.22 * num_steps), 1), 0
        for index in range(num_steps):
            steps[index, image] = step
            loss = losses_at[index, image]
            num_rises += loss > here
            best, here, passed = max(best, loss), loss, passed + 1
            if passed == length:
                few = num_rises <= 0.75 * length
                halves = few or (not was_halved and last_best >= best)
                if halves:
                    step, here = step / 2, best
                was_halved, last_best = halves, best
                num_rises = passed = 0
                length = max(
                    length - max(int(0.03 * num_steps), 1),
                    max(int(0.06 * num_steps), 1),
                )
    return steps


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("num_steps", [20, 60])
def test_the_step_sizes_are_those_of_a_replay(norm, num_steps):
    first, states, losses_at, steps = recorded(norm, num_steps)
    expected = replayed(
        losses_at, first.here.loss.numpy(), first.step.numpy(), num_steps
    )
    np.testing.assert_array_equal(steps, expected)
    final = steps[-1] / steps[0]
    if num_steps == 20:  # its windows are short, so that images differ
        assert len(set(final)) > 1
    highest = np.maximum.accumulate(np.r_[first.here.loss.numpy()[None], losses_at])
    np.testing.assert_array_equal(states.best.loss, highest[1:])
    late = num_steps - num_steps // 10
    np.testing.assert_array_equal(states.late_loss[-1], highest[late])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_moves_are_those_of_the_paper(norm):
    num_steps = 30
    _, states, _, steps = recorded(norm, num_steps)
    natural, around = draw_colours(N), region(norm)
    lengths = windows(num_steps)
    for index in range(1, num_steps):
        if lengths[index]:
            continue  # may have gone back to the best
        x, before = states.here.images[index - 1], states.previous[index - 1]
        gradient = states.here.gradient[index - 1]
        size = steps[index][:, None, None, None]
        if norm == "linf":
            aimed = x + size * tf.sign(gradient)
        else:
            length = tf.sqrt(tf.reduce_sum(gradient**2, [1, 2, 3], keepdims=True))
            aimed = x + size * gradient / length
        aimed = around.project(aimed, natural)
        moved = around.project(x + 0.75 * (aimed - x) + 0.25 * (x - before), natural)
        np.testing.assert_allclose(states.here.images[index], moved, atol=2e-6)
        np.testing.assert_array_equal(states.previous[index], x)


def test_it_goes_on_from_the_best_point_after_halving():
    num_steps = 60
    _, states, _, steps = recorded("linf", num_steps)
    halved = np.argwhere(steps[1:] < steps[:-1])
    assert len(halved) > 5
    for index, image in halved:
        np.testing.assert_array_equal(
            states.here.images[index, image], states.best.images[index, image]
        )
        assert states.here.loss[index, image] == states.best.loss[index, image]


def test_numbers_that_are_none_neither_move_nor_win():
    def ascent(images, seed):
        broken = tf.fill(images.shape, float("nan"))
        return Ascent(broken, broken[:, 0, 0, 0], tf.zeros([4, 3]))

    images, labels = draw_colours(4), tf.zeros([4], tf.int64)
    kernel = auto_pgd(Run(ascent, ball("l2", tf.ones([4])), images, labels, 5))
    state, info = kernel.init((images, tf.zeros([4], tf.bool), SEED))
    for _ in range(5):
        state, info = kernel.step(state, SEED)
    np.testing.assert_array_equal(state.here.images, images)
    np.testing.assert_array_equal(state.num_zero_gradients, 6.0)
