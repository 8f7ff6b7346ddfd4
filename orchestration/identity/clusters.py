"""From edges between records to persons, without ever joining two that exclude each other.

Belongs here: connected components, their guards, and clustering under cannot-link pairs (numpy and scipy).
Does not belong: how edges are found (``matching``), names of persons (``persons``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """Undirected edges between records 0..n-1; ``weight`` in match weight (log2 odds)."""

    left: Ints
    right: Ints
    weight: Floats

    def where(self, keep: npt.NDArray[np.bool_]) -> Edges:
        """Return the edges that ``keep`` marks."""
        return Edges(self.left[keep], self.right[keep], self.weight[keep])

    def __len__(self) -> int:
        return len(self.left)


def components(n: int, edges: Edges) -> Ints:
    """Label the connected components of ``n`` records."""
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges.left, edges.right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


@dataclass(frozen=True)
class Guards:
    """Bounds on a component; edges of ``certain_weight`` and more are never cut for its shape alone."""

    max_size: int
    min_density: float
    sparse_size: int
    certain_weight: float


def guarded_components(n: int, edges: Edges, guards: Guards) -> Ints:
    """Label components; one that is too large or too sparse is cut again at the next higher weight.

    A chain of weak edges through a shared telephone looks exactly like that: many records, few edges among them.
    What remains at the weight of trusted rules is accepted: it holds by them alone.
    """
    label = components(n, edges)
    steps = np.unique(np.append(np.ceil(edges.weight), guards.certain_weight))
    for step in steps[steps <= guards.certain_weight]:
        size = np.bincount(label, minlength=label.max(initial=0) + 1)
        inside = np.bincount(label[edges.left], minlength=len(size))
        density = inside / np.maximum(size * (size - 1) / 2, 1)
        bad = (size > guards.max_size) | ((size > guards.sparse_size) & (density < guards.min_density))
        if not bad.any():
            break
        edges = edges.where(~bad[label[edges.left]] | (edges.weight >= step))
        label = components(n, edges)
    return label


def split_by_cannot_link(label: Ints, edges: Edges, apart_left: Ints, apart_right: Ints) -> tuple[Ints, int]:
    """Split the components that hold a cannot-link pair: strongest edges join first, none joins an excluded pair.

    Only those components are walked in Python; all others keep their label. Returns labels and the edges refused.
    """
    conflicted = np.zeros(label.max(initial=0) + 1, dtype=bool)
    same = label[apart_left] == label[apart_right]
    conflicted[label[apart_left[same]]] = True
    walk = edges.where(conflicted[label[edges.left]] & (label[edges.left] == label[edges.right]))
    order = np.lexsort((walk.right, walk.left, -walk.weight))
    forest = _CannotLinkForest(apart_left[same], apart_right[same])
    refused = sum(not forest.join(int(a), int(b)) for a, b in zip(walk.left[order], walk.right[order], strict=True))
    result = label.copy()
    offset = len(conflicted)
    for record in np.flatnonzero(conflicted[label]):
        result[record] = offset + forest.find(int(record))
    return np.unique(result, return_inverse=True)[1].astype(np.int64), refused


class _CannotLinkForest:
    """Union-find that knows, per tree, which records it must not contain."""

    def __init__(self, left: Ints, right: Ints) -> None:
        self._parent: dict[int, int] = {}
        self._members: dict[int, set[int]] = {}
        self._excluded: dict[int, set[int]] = {}
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            self._excluded.setdefault(a, set()).add(b)
            self._excluded.setdefault(b, set()).add(a)

    def find(self, record: int) -> int:
        """Return the root of a record's tree."""
        parent = self._parent
        while (above := parent.setdefault(record, record)) != record:
            parent[record] = parent[above]
            record = parent[record]
        return record

    def join(self, a: int, b: int) -> bool:
        """Join two trees unless one holds a record that the other excludes; False if refused."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return True
        members_a, members_b = self._members.get(a, {a}), self._members.get(b, {b})
        excluded_a, excluded_b = self._excluded.get(a, set()), self._excluded.get(b, set())
        if not excluded_a.isdisjoint(members_b) or not excluded_b.isdisjoint(members_a):
            return False
        self._parent[b] = a
        self._members[a] = members_a | members_b
        self._excluded[a] = excluded_a | excluded_b
        return True
