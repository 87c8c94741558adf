"""One thread, set before torch is imported: two threads on two busy cores make small networks ten times slower."""

import os

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("LECTURES_THREADS", "1"))
os.environ.setdefault("TQDM_DISABLE", "1")
