"""Starts `fashionclf demo` under its earlier name, `python -m tools.demo`."""
import runpy

if __name__ == "__main__":
    runpy.run_module("fashionclf.demo", run_name="__main__", alter_sys=True)
