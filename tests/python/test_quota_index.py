"""Which tests hold each limit: at its value, beside it, and after what was charged has gone. A limit more without its tests is noticed here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pynto.quotas import QUOTAS

TESTS = Path(__file__).parents[1]

LEDGER = "unit/test_ledger.c::the_limit_itself_is_granted_and_one_more_is_not"
MODEL = "unit/test_ledger.c::whatever_is_charged_and_refunded_the_ledger_agrees_with_a_model"
OTHERS = "attack/test_floods.py::test_protocol_errors_over_and_over_leave_nothing"
CLEAR = "attack/test_floods.py::test_a_closed_connection_has_given_everything_back"

# name: tests of N - 1, N and N + 1; tests of what comes back, or of who goes on, afterwards
INDEX: dict[str, tuple[list[str], list[str]]] = {
    "message": (
        ["python/test_quotas.py::test_message_bytes", "unit/test_scan_limits.c::a_message_has_message_max_bytes"],
        [OTHERS, "unit/test_session_limits.c::a_reply_beyond_the_message_limit_can_still_be_an_error"],
    ),
    "depth": (
        ["python/test_quotas.py::test_depth", "unit/test_scan_limits.c::containers_nest_to_depth_max"],
        ["unit/test_scan_limits.c::what_has_ended_is_not_deep"],
    ),
    "elements": (
        ["python/test_quotas.py::test_elements", "unit/test_scan_limits.c::a_message_has_element_max_objects"],
        [OTHERS],
    ),
    "keys": (
        ["python/test_quotas.py::test_keys", "unit/test_scan_limits.c::maps_that_are_open_at_once_have_key_max_keys"],
        [OTHERS],
    ),
    "integer": (
        ["python/test_quotas.py::test_integer", "unit/test_scan_limits.c::an_integer_has_int_max_bytes"],
        [OTHERS],
    ),
    "references": (
        ["python/test_quotas.py::test_references", LEDGER],
        [
            "unit/test_lending.c::references_are_refused_beyond_the_quota_until_some_are_freed",
            "python/test_quotas.py::test_a_result_that_was_refused_for_its_references_leaves_none_behind",
            CLEAR,
        ],
    ),
    "lent": (
        ["python/test_quotas.py::test_lent", LEDGER],
        ["unit/test_lending.c::what_a_refused_call_brought_goes_back", CLEAR],
    ),
    "calls": (
        [LEDGER, "unit/test_lanes.c::calls_beyond_the_quota_wait_in_the_buffer"],
        [
            "python/test_quotas.py::test_calls_beyond_the_limit_wait_and_are_served",
            "unit/test_lanes.c::calls_beyond_the_quota_are_refused_while_a_lane_waits",
            "attack/test_floods.py::test_a_client_that_leaves_takes_its_queue_with_it",
        ],
    ),
    "nesting": (
        ["python/test_quotas.py::test_nesting"],
        ["unit/test_lanes.c::nested_calls_are_refused_beyond_the_limit_and_the_lane_lives"],
    ),
    "queued": (
        [LEDGER, "unit/test_lanes.c::a_call_too_large_for_what_is_queued_waits_until_there_is_room"],
        [
            "python/test_quotas.py::test_queued_bytes_beyond_the_limit_wait_and_are_served",
            "unit/test_lanes.c::whatever_is_queued_is_dropped_at_the_end",
        ],
    ),
    "output": (
        [LEDGER, "unit/test_session_limits.c::a_peer_that_does_not_read_is_throttled_and_then_left"],
        [
            "unit/test_session_limits.c::output_that_was_read_makes_room_again",
            "python/test_quotas.py::test_a_peer_that_reads_gets_everything_however_much_it_has_asked_for_ahead",
        ],
    ),
    "interfaces": (
        [LEDGER, "unit/test_session_limits.c::a_server_that_describes_too_much_is_left"],
        ["python/test_quotas.py::test_interfaces_are_limited_at_the_client"],
    ),
    "cache": (
        ["unit/test_cache.c::the_quota_is_never_exceeded"],
        ["unit/test_cache.c::the_least_recently_used_goes_for_want_of_room"],
    ),
    "memory": (
        ["unit/test_allowance.c::the_limit_itself_is_granted_and_one_byte_more_is_not"],
        [
            "python/test_memory.py::test_what_is_left_behind_is_credited_when_it_goes_and_not_before",
            "python/test_memory.py::test_many_exceedings_in_a_row_leave_nothing",
        ],
    ),
    "call_memory": (
        ["unit/test_allowance.c::a_call_may_take_less_than_its_connection_may_hold"],
        ["python/test_memory.py::test_a_call_may_take_less_than_its_connection_may_hold"],
    ),
    "peer_memory": (
        ["unit/test_allowance.c::what_a_peer_has_left_counts_when_it_comes_back"],
        ["attack/test_left_behind.py::test_who_comes_again_has_left_what_it_has_left"],
    ),
    "server_memory": (
        ["unit/test_allowance.c::the_least_of_all_limits_is_told"],
        ["attack/test_left_behind.py::test_what_all_have_left_is_the_limit_of_whose_class_says_so"],
    ),
    "calls_per_second": (
        [
            "python/test_rates.py::test_calls_at_once",
            "unit/test_rates.c::calls_pass_up_to_the_rate_and_one_more_is_told_when_to_come_back",
        ],
        ["python/test_rates.py::test_a_call_beyond_the_rate_says_when_to_come_back_and_is_served_then"],
    ),
    "bytes_per_second": (
        ["unit/test_rates.c::bytes_count_as_they_come"],
        ["python/test_rates.py::test_the_bytes_of_what_is_refused_count_too"],
    ),
    "cost_per_second": (
        ["unit/test_rates.c::what_an_operation_costs_is_what_it_takes"],
        ["python/test_rates.py::test_what_an_operation_costs_is_the_operators_word"],
    ),
    "oddities_per_second": (
        ["unit/test_rates.c::odd_messages_pass_up_to_their_rate_and_one_more_ends_it"],
        ["unit/test_rates.c::odd_messages_are_forgiven_with_time"],
    ),
    "burst_seconds": (
        ["python/test_rates.py::test_calls_at_once"],
        ["python/test_rates.py::test_a_call_beyond_the_rate_says_when_to_come_back_and_is_served_then"],
    ),
    "refusals": (
        [
            "python/test_quotas.py::test_refusals_are_counted_and_end_the_connection",
            "unit/test_session_limits.c::refusals_beyond_the_burst_end_it",
        ],
        ["python/test_quotas.py::test_errors_of_objects_are_no_refusals"],
    ),
    "refusals_per_second": (
        ["unit/test_ledger.c::refusals_come_in_a_burst_and_are_forgiven_with_time"],
        ["python/test_quotas.py::test_refusals_are_forgiven_with_time"],
    ),
    "weight": (
        ["unit/test_fair.c::time_goes_by_weight_whatever_the_turns_take"],
        ["python/test_fairness.py::test_turns_are_dealt_by_the_time_that_they_take_not_by_their_number"],
    ),
    "handshake": (
        ["python/test_websocket.py::test_a_handshake_that_takes_too_long_gives_its_place_back"],
        ["attack/test_channel_floods.py::test_who_stalls_is_gone_in_ten_seconds"],
    ),
    "hello": (
        ["python/test_quotas.py::test_who_does_not_finish_its_hello_is_sent_away"],
        ["attack/test_floods.py::test_a_peer_that_connects_and_says_nothing_is_sent_away"],
    ),
    "stall": (
        ["attack/test_floods.py::test_output_that_does_not_move_ends_the_connection"],
        ["python/test_quotas.py::test_a_peer_that_does_not_read_is_not_served_for_ever"],
    ),
    "callback": (
        ["python/test_quotas.py::test_a_callback_that_takes_too_long_fails_its_call"],
        ["python/test_deadlines.py::test_a_server_that_does_not_wait_for_a_slow_client_answers_when_that_has_answered"],
    ),
    "unfinished": (
        ["python/test_rates.py::test_a_message_that_never_ends_ends_the_connection"],
        [
            "python/test_rates.py::test_one_byte_at_a_time_is_no_way_around",
            "python/test_rates.py::test_what_comes_slowly_and_whole_is_served_and_idling_is_not_slow",
        ],
    ),
    "call_seconds": (
        [
            "python/test_watchdog.py::test_python_code_is_ended_in_any_thread",
            "python/test_watchdog.py::test_a_call_that_ends_in_time_is_left_alone",
        ],
        ["python/test_watchdog.py::test_a_thousand_ends_leave_a_server_that_works"],
    ),
    "cpu_seconds": (
        ["python/test_watchdog.py::test_cpu_time_is_not_wall_time"],
        ["python/test_watchdog.py::test_a_thousand_ends_leave_a_server_that_works"],
    ),
    "cpu_burst": (
        ["unit/test_cpu.c::as_much_as_the_burst_may_be_used_at_once_and_no_more"],
        ["python/test_watchdog.py::test_a_connection_that_has_used_up_its_cpu_time_waits_and_the_others_do_not"],
    ),
    "cpu_share": (
        ["unit/test_cpu.c::what_was_used_is_forgiven_at_the_rate_of_the_share"],
        ["python/test_watchdog.py::test_many_short_calls_are_counted_too"],
    ),
}


def is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    source = (TESTS / file).read_text()
    if file.endswith(".c"):
        return len(re.findall(rf"\b{name}\b", source)) >= 2  # it is written, and run
    return re.search(rf"^def {name}\(", source, re.MULTILINE) is not None


def test_every_limit_has_its_tests() -> None:
    assert list(INDEX) == list(QUOTAS)


@pytest.mark.parametrize("name", INDEX)
def test_the_tests_of_a_limit_are_there(name: str) -> None:
    at, after = INDEX[name]
    assert at and after
    assert [test for test in (*at, *after, MODEL) if not is_there(test)] == []
