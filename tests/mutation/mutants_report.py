"""Mutants of the report."""

from __future__ import annotations

from tests.mutation.mutant import mutant

RESULTS, REPORT_BLOCKS, STATISTICS = (f"unit/report/test_{name}.py" for name in ("results", "blocks", "statistics"))
METHODS, DAMPING, STEPS = (f"unit/report/test_{name}.py" for name in ("methods", "damping", "output_step"))

REPORT = (
    mutant(
        "report: the deviation of a sample divides by n",
        "report/statistics.py",
        "kept.std(ddof=1)",
        "kept.std()",
        STATISTICS,
    ),
    mutant("report: the deviation of a band divides by n", "report/statistics.py", "/ (n - 1))", "/ n)", STATISTICS),
    mutant(
        "report: a rolling mean is too short", "report/statistics.py", "i + 1 - points", "i + 2 - points", STATISTICS
    ),
    mutant(
        "report: what varies within a seed is in the deviation",
        "report/statistics.py",
        "moments(moments(values).mean for values in seeds)",
        "moments(value for values in seeds for value in values)",
        STATISTICS,
    ),
    mutant(
        "report: the last of equal epochs is reported",
        "report/results.py",
        "(-accuracy[each], each)",
        "(-accuracy[each], -each)",
        RESULTS,
    ),
    mutant(
        "report: the test data choose the epoch",
        "report/results.py",
        'values(run, "valid_accuracy")',
        'values(run, "test_accuracy")',
        RESULTS,
    ),
    mutant(
        "report: the validation loss chooses",
        "report/results.py",
        "if accuracy and not regression and _monitor",
        "if accuracy and regression and _monitor",
        RESULTS,
    ),
    mutant(
        "report: the split's seed makes another method",
        "report/methods.py",
        '(("seed",), ("data", "split_seed"))',
        '(("seed",),)',
        METHODS,
    ),
    mutant(
        "report: settings of a later version make another method",
        "report/methods.py",
        "_essence(run.complete), made_of",
        "_essence(run.config), made_of",
        METHODS,
    ),
    mutant("report: a repeated run counts twice", "report/methods.py", "if twin is None:", "if True:", METHODS),
    mutant("report: the output block is drawn", "report/blocks.py", "last.get(index) != ", "None != ", REPORT_BLOCKS),
    mutant("report: the largest angle is the best", "report/damping.py", "min(known)[1]", "max(known)[1]", DAMPING),
    mutant(
        "report: arrows of full length", "report/output_space.py", "- self.output)) / 2 if", "- self.output)) if", STEPS
    ),
    mutant("report: angles have a sign", "report/output_space.py", "abs(math.degrees(", "(math.degrees(", STEPS),
    mutant("report: unfinished runs count", "report/methods.py", "return done or [", "return self.runs or [", RESULTS),
    mutant("report: labels name epochs first", "report/methods.py", "key in constant, _place(key))", "key)", METHODS),
    mutant(
        "report: the network's figures are blocks",
        "report/blocks.py",
        "(part, block) in whole and not _is_block(block, run)",
        "False",
        REPORT_BLOCKS,
    ),
)
