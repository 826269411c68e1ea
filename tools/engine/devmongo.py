#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""MongoDB stand-in for development and CI: devmongo.py PORT DIR   (needs what requirements.txt names)

PORT 0 takes a free one. Prints `ready mongodb://...` once it listens; SIGTERM stops it.

The plain `secantusd-py` works too; this launcher mends eleven things measured in 0.7.0b3:
 - every retryable write scans (and past 10 000 records sorts) the whole retry-record table;
 - a filter with $and/$or/$expr, and so every findAndModify, scans the whole collection;
 - {field: /regex/} (also in $in) on an indexed field finds nothing;
 - {$gt, $lt} together on an indexed array field misses documents;
 - an abandoned transaction keeps its locks until some other transaction comes by;
 - to look for abandoned transactions, which every commit does, waits for every statement of a transaction that is being
   executed, and one of these may wait for that commit: after a client was stopped for seconds nothing goes on any more;
 - expired TTL documents go only once a minute (here: once a second);
 - updateMany/deleteMany keep the collection locked while they wait for a transaction, which may need that lock to end;
 - createCollection/createIndex/drop that meet an uncommitted write spin for ever and hang the whole server;
 - a stop takes 2 s, in which `hello` answers as a standalone and a driver that asks drops the server for good;
 - after kill -9 the last ~50 ms of acknowledged writes are gone unless sent with j:true.
"""
import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time

# Write the log to the OS at each commit, without fsync: safe against kill -9, no slower.
os.environ.setdefault("WIREDTIGER_CONFIG", "transaction_sync=(enabled=true,method=none)")

import bson
import secantus.transactions as tx
from secantus.server import SecantusDBServer
from secantus.storage import Storage, WriteConflictError, _is_wt_rollback, wt

tx._RETRYABLE_RECORD_MAX = 256
_lookup = Storage._try_index_id_keys
_REGEX = (bson.Regex, re.Pattern)


def _lookup_safely(self, db, coll, filter, *, collation=None):
    # Candidate choice only: every caller re-checks the full filter, so a superset is safe.
    usable = {}
    for field, v in (filter or {}).items():
        if field.startswith("$") or isinstance(v, _REGEX):
            continue
        if isinstance(v, dict):
            if any(isinstance(x, _REGEX) for x in v.get("$in") or ()):
                continue
            if len(v) > 1 and self._multikey_index_names(db, coll):
                v = dict([next(iter(v.items()))])
        usable[field] = v
    return _lookup(self, db, coll, usable, collation=collation)


Storage._try_index_id_keys = _lookup_safely


def _prune_idle(self):
    # A transaction whose mutex is taken is executing a statement: it is not abandoned.
    cutoff = self._time() - self._lifetime
    reaped = 0
    for txn in self._txns.values():
        if not txn.mutex.acquire(blocking=False):
            continue
        try:
            if txn.state is tx.TxnState.IN_PROGRESS and txn.last_use < cutoff:
                self._rollback_quietly(txn)
                txn.state = tx.TxnState.ABORTED
                reaped += 1
        finally:
            txn.mutex.release()
    return reaped


tx.TransactionRegistry._prune_locked = _prune_idle

# The single-transaction bodies give the collection lock back before they try again.
Storage._update_matching_chunked = lambda self, *a, **k: self._update_matching_single_txn(*a, multi=True, **k)
Storage._delete_matching_chunked = lambda self, *a, **k: self._delete_matching_single_txn(*a, **k)


def _own_transaction(name, per_collection):
    # In a WiredTiger transaction of its own a schema change that meets a conflict fails and is tried again;
    # in autocommit it spins inside WiredTiger while it holds the lock that the other writer needs.
    method = getattr(Storage, name)

    def wrapper(self, db, *args, **kwargs):
        if getattr(self._tls, "user_txn", None) is not None or getattr(self._tls, "in_ddl", False):
            return method(self, db, *args, **kwargs)
        while True:
            try:
                with self._coll_lock(db, args[0]) if per_collection else contextlib.nullcontext(), self._batch_transaction():
                    self._tls.in_ddl = True
                    try:
                        return method(self, db, *args, **kwargs)
                    finally:
                        self._tls.in_ddl = False
            except (WriteConflictError, wt.WiredTigerError) as exc:
                if not isinstance(exc, WriteConflictError) and not _is_wt_rollback(exc):
                    raise
                time.sleep(0.005)

    setattr(Storage, name, wrapper)


for _name in ("create_collection", "set_collection_options", "record_collmod", "create_index", "drop_index",
              "drop_all_indexes", "set_index_expiry", "set_index_options", "drop_collection", "prune_ttl"):
    _own_transaction(_name, True)
for _name in ("drop_database", "rename_collection"):
    _own_transaction(_name, False)

server = SecantusDBServer("127.0.0.1", int(sys.argv[1]), sys.argv[2], enable_test_commands=False,
                          ttl_sweep_seconds=1, transaction_lifetime_seconds=5)
stop = threading.Event()
for sig in (signal.SIGTERM, signal.SIGINT):
    signal.signal(sig, lambda *_: stop.set())
server.start()
print(f"ready {server.uri}?directConnection=true", flush=True)
while not stop.wait(1):
    server.transactions.prune_expired()
server._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
server.stop()
