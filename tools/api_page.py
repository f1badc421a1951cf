"""Writes the page of `import ebm_tf`, made by pdoc from its docstrings.

python3 tools/api_page.py [OUTPUT]

OUTPUT is an HTML file, site/ebm_tf.html if none is named; it needs no other file and no
network.
"""

import inspect
import pathlib
import sys
from typing import Any

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.errors import UserError
from ebm_tf.runtime import tool

_USAGE = "python3 tools/api_page.py [OUTPUT]"
_OUTPUT = "site/ebm_tf.html"
# What Python says of the fields of a named tuple.
_ALIAS = "Alias for field number"


def page() -> str:
    """The page as HTML.

    Raises:
      UserError: if pdoc is not installed.
    """
    try:
        from pdoc import doc, render
    except ImportError as error:
        raise UserError("pdoc is not there: bash setup.sh installs it.") from error
    import ebm_tf

    for name in ebm_tf.__all__:
        getattr(ebm_tf, name)  # which imports it; pdoc looks at what is there
    module = doc.Module(ebm_tf)
    for one in module.members.values():
        if isinstance(one, doc.Class):
            for name in [n for n, member in one.members.items() if _is_noise(member)]:
                del one.members[name]
    render.configure(docformat="google", show_source=False, search=False)
    written: Any = render.env.filters["format_signature"]
    render.env.filters["format_signature"] = lambda signature, colon: written(
        _with_names(signature), colon
    )
    try:
        return render.html_module(module, {module.fullname: module})
    finally:
        render.env.filters["format_signature"] = written


def _is_noise(member: Any) -> bool:
    """Whether the page says the same elsewhere, or it is nothing for scripts.

    Fields stand in the signatures of their classes and under "Attributes".
    """
    said = member.docstring and not member.docstring.startswith(_ALIAS)
    return member.name == "validate" or (member.kind == "variable" and not said)


def _with_names(signature: inspect.Signature) -> inspect.Signature:
    """A signature in which NumPy's union of all that is like an array has its name."""
    import numpy.typing as npt

    class ArrayLike:
        """Is shown in its place."""

    ArrayLike.__module__, ArrayLike.__qualname__ = "numpy.typing", "ArrayLike"
    parameters = [
        one.replace(annotation=ArrayLike) if one.annotation == npt.ArrayLike else one
        for one in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def work(output: str = _OUTPUT) -> None:
    """Writes the page."""
    print(f"Writing {output}", flush=True)
    html = page()
    from ebm_tf.runtime.files import make_folder, replace_file

    make_folder(str(pathlib.Path(output).parent))
    replace_file(output, html.encode())


if __name__ == "__main__":
    sys.exit(tool.main(work, _USAGE, num_words=(0, 1)))
