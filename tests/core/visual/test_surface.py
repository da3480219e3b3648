import subprocess
import sys

import pytest

from cnn_core import visual


def test_every_name_is_there_and_is_no_module():
    import types

    # The modules have been imported by now; a function must not be hidden by a module of its name.
    for name in visual.__all__:
        assert not isinstance(getattr(visual, name), types.ModuleType), name
    assert set(visual.__all__) == {name for names in visual._HOME.values() for name in names.split()}
    assert set(dir(visual)) >= {"optimize", "record", "deep_dream", "stylize"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = visual.nothing


@pytest.mark.slow
def test_torch_is_imported_only_by_what_computes():
    code = (
        "import sys, cnn_core.visual; assert 'torch' not in sys.modules; cnn_core.visual.filter; "
        "assert 'torch' in sys.modules; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
