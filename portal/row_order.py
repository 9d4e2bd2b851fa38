"""The order in which rows that need one another can be saved."""


def put_in_order(graph: dict) -> tuple[list, set]:
    """Return the keys, each after those it needs and else in the given order, and those in a loop.

    `graph` names for each key the keys that it needs; those that are no keys of it do not count.
    """
    ordered, loops = {}, set()
    for start in graph:
        path = [start]
        while path:
            key = path[-1]
            needed = (
                other
                for other in graph[key]
                if other in graph and other not in ordered and other not in loops
            )
            if key in ordered or (other := next(needed, None)) is None:
                ordered.setdefault(key)
                path.pop()
            elif other in path:
                loops.update(path[path.index(other) :])
            else:
                path.append(other)
    return list(ordered), loops
