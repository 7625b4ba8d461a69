"""Forks and the ways a process ends, against a real receiver."""

from __future__ import annotations

import signal

import pytest

from .receiver import Receiver
from .run import SETUP, run


def test_a_script_that_ends_by_itself_sends_its_last_spans(receiver: Receiver) -> None:
    done = run(f"{SETUP}\nwith tracer.start_as_current_span('last'): pass", receiver)
    assert done.stderr == ""
    assert receiver.names() == ["last"]


def test_a_script_that_is_terminated_sends_its_last_spans_and_ends_by_the_signal(receiver: Receiver) -> None:
    done = run(
        f"{SETUP}\nimport os, signal\nwith tracer.start_as_current_span('last'): pass\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()",
        receiver,
    )
    assert done.returncode == -signal.SIGTERM
    assert receiver.names() == ["last"]


def test_a_handler_of_the_application_for_sigterm_is_left_alone(receiver: Receiver) -> None:
    done = run(
        "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        f"{SETUP}\nwith tracer.start_as_current_span('last'): pass\nos.kill(os.getpid(), signal.SIGTERM)",
        receiver,
    )
    assert done.returncode == 3
    assert receiver.names() == ["last"]


@pytest.mark.parametrize("first", ["", "with tracer.start_as_current_span('parent first'): pass"])
def test_a_forked_child_reports_as_an_instance_of_its_own(receiver: Receiver, first: str) -> None:
    """Before and after the first span of the parent; every span arrives exactly once."""
    code = f"""{SETUP}
import os, sys
{first}
child = os.fork()
with tracer.start_as_current_span("child" if child == 0 else "parent"): pass
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    # Since 3.12 Python warns of any fork beside a thread; the export thread is one, and is started anew.
    done = run(code, receiver, PYTHONWARNINGS="ignore:This process:DeprecationWarning")
    assert done.stderr == ""
    by_name = {name: instance for instance, name in receiver.spans}
    assert sorted(by_name) == sorted(["child", "parent", *(["parent first"] if first else [])])
    assert len(receiver.spans) == len(by_name)
    assert by_name["child"] != by_name["parent"]


def test_a_child_of_multiprocessing_sends_its_last_spans_although_it_skips_atexit(receiver: Receiver) -> None:
    code = f"""{SETUP}
import multiprocessing
def work():
    with tracer.start_as_current_span("in the child"): pass
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""
    done = run(code, receiver)
    assert done.stderr == ""
    assert receiver.names() == ["in the child"]


def test_a_child_of_multiprocessing_that_sets_up_telemetry_itself_sends_its_last_spans(
    receiver: Receiver,
) -> None:
    code = """
import multiprocessing
def work():
    from shared.telemetry import get_tracer, setup_tracing
    setup_tracing(service_name="agents")
    with get_tracer("child").start_as_current_span("in the child"): pass
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""
    done = run(code, receiver)
    assert done.stderr == ""
    assert receiver.names() == ["in the child"]


def test_a_receiver_that_hangs_does_not_keep_the_process_from_ending(receiver: Receiver) -> None:
    """Traces and metrics share one deadline of seconds; either attempt alone may take ten minutes."""
    receiver.hang.set()
    code = f"""{SETUP}
setup_metrics()
get_meter("m").create_counter("c").add(1)
with tracer.start_as_current_span('last'): pass
"""
    done = run(code, receiver, OTEL_EXPORTER_OTLP_TIMEOUT="600000")
    assert done.returncode == 0
