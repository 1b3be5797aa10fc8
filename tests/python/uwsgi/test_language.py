"""`tidegate uwsgi --show-config` beside uWSGI's own: made-up configurations, which a seed gives again."""

import pytest
from made import VARIABLES, Made
from support.server import TIDEGATE
from support.show_config import UWSGI, shown

pytestmark = pytest.mark.long

# In each of these so many.
SEEDS = range(8)
EACH = 30


@pytest.mark.parametrize("seed", SEEDS)
def test_a_configuration_is_read_as_uwsgi_reads_it(seed, tmp_path):
    """Names, values and order are the same, and there is something to compare."""
    assert UWSGI.exists(), f"{UWSGI} is missing: make setup installs it"
    for number in range(seed * EACH, seed * EACH + EACH):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = Made(number, folder)
        theirs = shown([UWSGI], made.words, folder, VARIABLES)
        ours = shown([TIDEGATE, "uwsgi"], made.words, folder, VARIABLES)
        told = f"{folder}: {made.words}"
        assert isinstance(theirs, list), f"{told}: {theirs}"
        assert len(theirs) > 5, told
        assert ours == theirs, told


def test_the_command_by_uwsgi_s_name_takes_its_arguments(tmp_path):
    """A link that is called uwsgi."""
    (tmp_path / "app.ini").write_text("[uwsgi]\nmaster = true\n")
    (tmp_path / "uwsgi").symlink_to(TIDEGATE)
    lines = shown([tmp_path / "uwsgi"], ["app.ini"], tmp_path, {})
    assert lines == ["show-config = true", "no-server = true", "master = true", ""]
