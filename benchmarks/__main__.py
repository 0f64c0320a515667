"""Run every measurement: `python -m benchmarks`, which is `make bench`; results go to benchmarks/results."""

import runpy

MEASUREMENTS = ("extract", "views")


def main() -> None:
    for name in MEASUREMENTS:
        print(f"== benchmarks.{name}", flush=True)
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
