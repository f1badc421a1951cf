"""AutoAttack: an ensemble of attacks without parameters (Croce and Hein, 2020)."""

from ebm_tf.attacks.apgd import LossName, apgd, apgd_random, apgd_targeted
from ebm_tf.attacks.fab import fab_targeted
from ebm_tf.attacks.gradients import RandomClassifier
from ebm_tf.attacks.square import square
from ebm_tf.config.attacks import AutoAttack, Ball
from ebm_tf.protocols import AttackFn, Classifier


def auto_attack(
    classifier: Classifier, settings: AutoAttack, ball: Ball
) -> dict[str, AttackFn]:
    """The attacks of a version, in the order in which they are run.

    Each is meant for the images that those before it have not broken. Their infos
    have in common "loss_last_rise", "zero_gradient" and "num_queries", float32 [n].

    Args:
      classifier: what is attacked. For version="rand" it may draw random numbers of
        its own; where it draws by a key, see `random_attacks`.
      settings: version and budgets.
      ball: whose norm is meant; radii come with the images.
    """
    if settings.version == "rand":
        return random_attacks(lambda images, _: classifier(images), settings, ball)
    num_steps, num_targets = settings.num_steps, settings.num_targets
    return {
        "apgd_ce": apgd(classifier, ball, loss="cross_entropy", num_steps=num_steps),
        "apgd_t": apgd_targeted(
            classifier, ball, num_steps=num_steps, num_targets=num_targets
        ),
        "fab_t": fab_targeted(
            classifier, ball, num_steps=num_steps, num_targets=num_targets
        ),
        "square": square(classifier, ball, num_queries=settings.num_queries),
    }


def random_attacks(
    classifier: RandomClassifier, settings: AutoAttack, ball: Ball
) -> dict[str, AttackFn]:
    """The attacks of version="rand", by means over the classifier's randomness.

    What they call broken is broken by the noise that they followed; the verdict takes
    fresh evaluations (`settings.num_verifications`), which are the caller's.
    """
    raised: dict[str, LossName] = {"apgd_ce": "cross_entropy", "apgd_dlr": "dlr"}
    return {
        name: apgd_random(
            classifier,
            ball,
            loss=loss,
            num_steps=settings.num_steps,
            num_samples=settings.num_eot_samples,
        )
        for name, loss in raised.items()
    }
