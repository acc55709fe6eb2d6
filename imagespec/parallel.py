"""The layers of one image, scanned on all processors."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor

import attrs

from imagespec.errors import ImageSpecError
from imagespec.scan import LayerBlob, LayerScan, Progress, ScanRequest
from imagespec.tar import Room


def scan_all(
    blobs: Sequence[LayerBlob], request: ScanRequest, room: Room | None = None
) -> list[LayerScan | ImageSpecError]:
    """
    Scan the layers of one image, on all processors where that helps, and return each one's scan or its error, in order.

    What they keep together is bounded by `Limits.kept_bytes`, or by what is left of ``room``. The result is that of
    scanning one after the other.
    """
    room = room or Room(request.limits.kept_bytes)
    left = room.left
    found = _scan_at_once(blobs, attrs.evolve(request, room=room))
    if room.was_short:
        # Which contents still found room depended on which thread was first.
        again = attrs.evolve(request, room=Room(left), progress=None)
        found = [_scan_or_error(blob, again) for blob in blobs]
    return found


def _scan_at_once(blobs: Sequence[LayerBlob], request: ScanRequest) -> list[LayerScan | ImageSpecError]:
    slow = [number for number, blob in enumerate(blobs) if blob.is_worth_a_thread(request)]
    # The largest first, or it might be begun when all others are done.
    slow.sort(key=lambda number: -blobs[number].size_bytes)
    if len(slow) < 2:
        return [_scan_or_error(blob, request) for blob in blobs]
    stopped = threading.Event()
    shared = attrs.evolve(request, progress=_tell_in_turn(request, stopped))
    with ThreadPoolExecutor(min(len(slow), os.cpu_count() or 1)) as threads:
        try:
            busy = {number: threads.submit(_scan_or_error, blobs[number], shared) for number in slow}
            here = [
                None if number in busy else _scan_or_error(blob, shared) for number, blob in enumerate(blobs)
            ]
            return [found or busy[number].result() for number, found in enumerate(here)]
        except BaseException:  # an interrupt must not wait until gigabytes are decoded
            stopped.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _tell_in_turn(request: ScanRequest, stopped: threading.Event) -> Progress:
    lock = threading.Lock()

    def tell(count: int) -> None:
        if stopped.is_set():
            raise CancelledError
        with lock:
            if request.progress:
                request.progress(count)

    return tell


def _scan_or_error(blob: LayerBlob, request: ScanRequest) -> LayerScan | ImageSpecError:
    try:
        return blob.scan(request)
    except ImageSpecError as error:
        return error
