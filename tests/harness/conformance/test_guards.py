from __future__ import annotations

import socket

import pytest

from harness.conformance.guards import Watch


def test_the_network_is_refused_noted_and_given_back() -> None:
    connect = socket.socket.connect
    with Watch() as watch:
        with pytest.raises(OSError, match="network access is blocked"):
            socket.create_connection(("127.0.0.1", 9))
        with pytest.raises(OSError, match="network access is blocked"):
            socket.getaddrinfo("example.org", 443)
    assert any("example.org" in address for address in watch.reached)
    assert socket.socket.connect is connect


def test_processes_of_this_machine_may_talk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    place = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client, Watch() as watch:
        server.bind(place)
        server.listen(1)
        client.connect(place)
    assert not watch.reached


def test_it_is_entered_again_and_forgets_nothing() -> None:
    watch = Watch()
    for host in ("first", "second"):
        with watch, pytest.raises(OSError):
            socket.getaddrinfo(host, 1)
    assert watch.reached == ["getaddrinfo first", "getaddrinfo second"]


def test_a_changed_gradient_mode_is_seen_and_put_right() -> None:
    import torch

    with Watch() as watch:
        torch.set_grad_enabled(False)
    assert watch.changed_gradient_mode and torch.is_grad_enabled()
    with Watch() as watch, torch.no_grad():
        pass
    assert not watch.changed_gradient_mode
