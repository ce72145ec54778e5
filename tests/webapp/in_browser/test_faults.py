"""The walk can fail: on a page with one of each fault, each is found."""

import pytest

from tests.webapp.in_browser.faults import faults_at_night, faults_of_use, serious_faults

pytestmark = pytest.mark.slow

BAD = """
<style>
  .wide { width: 3000px } .bare:focus { outline: none } .pale { color: #999; background: #fff }
  @media (prefers-color-scheme: dark) { .dim { color: #222; background: #000 } }
</style>
<h1>One</h1><h1>Two</h1>
<div class="wide">Wide</div>
<a href="/" tabindex="-1">Not by Tab</a>
<a href="/" class="bare">Not to be seen</a>
<input type="text">
<p class="pale">Too pale</p>
<p class="dim">Too dim at night</p>
"""


def test_it_works(browser):
    page = browser.new_page()
    page.set_content(BAD)
    found = [fault.split(":")[0] for fault in faults_of_use(page)]
    told = ["no language", "no title", "2 headings h1", "scrolls sideways", "not reached by Tab"]
    assert found == [*told, "does not show its focus"]
    rules = {fault.split(":")[0] for fault in serious_faults(page)}
    assert {"html-has-lang", "document-title", "label", "color-contrast"} <= rules
    assert any("dim" in fault for fault in faults_at_night(page))
    page.close()
