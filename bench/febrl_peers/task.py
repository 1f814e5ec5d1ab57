"""What a peer is asked: `run_PEER.py DATA OUT with_id|without_id`, where DATA is a folder that febrl_data.py made.

A peer finds pairs in the tables of DATA, between them if there are two and within it if there is one, and writes OUT/pairs.parquet: `a`,
`b`, and `p`, how likely they match. Of one table it also writes OUT/clusters.parquet, `rec_id` and `cluster`, what its own way
of clustering makes of pairs that are more likely to match than not. The national id is `soc_sec_id`.
"""

import dataclasses
import pathlib
import sys


@dataclasses.dataclass
class Task:
    data: pathlib.Path
    tables: list[pathlib.Path]
    out: pathlib.Path
    has_id: bool

    @property
    def is_linkage(self) -> bool:
        return len(self.tables) == 2


def read() -> Task:
    data, out, variant = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    out.mkdir(parents=True, exist_ok=True)
    return Task(data, sorted(data.glob("[ab].parquet")), out, variant == "with_id")
