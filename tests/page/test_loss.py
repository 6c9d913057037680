"""The page over a path that is cut: it finds the station again by itself, keeps its map, and hides no failure."""

import contextlib
import socket
import threading
import time
import urllib.parse

import pytest


class Path:
    """A way to the station that can be cut without a word, as a pulled cable is: nothing is closed, nothing comes."""

    def __init__(self, port):
        self._to = ("127.0.0.1", port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}/"
        self._open = []
        self._dead = set()
        self._threads = []
        self._start(self._serve)

    def cut(self):
        """Let nothing more through what is open now; what is opened from now on gets through."""
        self._dead.update(self._open)

    def close(self):
        for each in (self._door, *self._open):
            with contextlib.suppress(OSError):  # the other end may have gone before
                each.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
        for thread in self._threads:
            thread.join(timeout=5.0)
        for each in (self._door, *self._open):
            each.close()

    def _start(self, target, *args):
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    self._start(self._carry, *pair)

    def _carry(self, start, end):
        with contextlib.suppress(OSError):
            while data := start.recv(65536):
                if start not in self._dead:
                    end.sendall(data)
            if start not in self._dead:
                end.shutdown(socket.SHUT_WR)


@pytest.fixture
def path(station):
    """Stand between the browser and the station."""
    between = Path(urllib.parse.urlsplit(station.url).port)
    yield between
    between.close()


def test_a_cut_path_is_given_up_and_the_map_stays(chromium, path):
    """Who only listens is never told by TCP that the other end is gone: without giving up it would wait for ever."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(path.url)
    page.wait_for_selector(".map canvas.overlay")
    page.evaluate("document.querySelector('.map').dataset.first = 'yes'")
    path.cut()
    page.locator(".shout", has_text="Link lost").wait_for(timeout=30_000)
    begun = time.monotonic()
    page.locator(".shout", has_text="Link lost").wait_for(state="detached", timeout=30_000)
    assert time.monotonic() - begun < 15.0  # given up 5 s after the last word, then a way that is open
    assert page.evaluate("document.querySelector('.map').dataset.first") == "yes"
    context.close()


def test_an_acknowledgement_that_does_not_arrive_is_told(chromium, station):
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/acknowledge", lambda route: route.abort())
    page.goto(station.url + "#view=text")
    page.locator("header .tools button", has_text="Acknowledge").wait_for(timeout=60_000)
    page.keyboard.press("a")
    page.get_by_role("alert").get_by_text("The station does not know").wait_for(timeout=30_000)
    context.close()
