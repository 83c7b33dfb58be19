"""What a DataLoader is made of: collating, fetching, workers, and the way from them."""

from . import collate, fetch, pin_memory, worker

MP_STATUS_CHECK_INTERVAL = worker.MP_STATUS_CHECK_INTERVAL
