"""A figure beside what it must reach: the fields `goal` and `met` of its line."""


def at_least(name, value, bound):
    return {} if bound is None else {"goal": f"{name} >= {bound:g}", "met": value >= bound}


def at_most(name, value, bound):
    return {} if bound is None else {"goal": f"{name} <= {bound:g}", "met": value <= bound}


def all_of(*goals):
    return {"goal": ", ".join(each["goal"] for each in goals), "met": all(each["met"] for each in goals)} if goals else {}
