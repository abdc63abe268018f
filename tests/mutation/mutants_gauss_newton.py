"""Mutants of Gauss-Newton targets, minimal-norm updates and their probes."""

from __future__ import annotations

from tests.mutation.mutant import mutant

NEWTON, NEWTON_PROBES = "oracle/test_gauss_newton.py", "oracle/test_gauss_newton_probes.py"
OUTPUT_PROBES = "oracle/test_output_probes.py"
MINIMAL = "oracle/test_minimal_norm.py"

GAUSS_NEWTON = (
    mutant(
        "Gauss-Newton: damping added to the wrong form",
        "engine/jacobians.py",
        "rows.mT @ damped_solve(rows @ rows.mT, d, damping)",
        "rows.mT @ damped_solve(rows @ rows.mT, d, damping**2)",
        NEWTON,
    ),
    mutant(
        "Gauss-Newton: rounding counts as a singular value",
        "engine/jacobians.py",
        "rtol = max(rows.shape[1:]) * torch.finfo(jacobian.dtype).eps",
        "rtol = max(rows.shape[1:]) * torch.finfo(rows.dtype).eps",
        NEWTON,
    ),
    mutant(
        "Gauss-Newton: eigenvalues are cut as singular values are",
        "engine/jacobians.py",
        "values > rtol**2 *",
        "values > rtol *",
        NEWTON,
    ),
    mutant(
        "Gauss-Newton: the output is not damped",
        "zoo/rules/gauss_newton.py",
        "d_output / (1 + self._damping[trace[node].block])",
        "d_output",
        NEWTON,
    ),
    mutant(
        "Gauss-Newton: batch norm is let through",
        "engine/jacobians.py",
        "require_row_independent(trace, nodes[1:])",
        "nodes[1:]",
        NEWTON,
    ),
    mutant(
        "minimal norm: the bias moves as a weight does",
        "zoo/updates/minimal_norm.py",
        "self._ratio * value if name in biases else value",
        "value",
        MINIMAL,
    ),
    mutant(
        "minimal norm: rho left out of the norm",
        "zoo/updates/minimal_norm.py",
        ".square().sum(1) + self._ratio",
        ".square().sum(1)",
        MINIMAL,
    ),
    mutant(
        "parameter Jacobian: the bias is forgotten",
        "zoo/probes/parameter_jacobian.py",
        "(0.0 if self._bias is None else 1.0)",
        "0.0",
        NEWTON_PROBES,
    ),
    mutant(
        "null space: biases are counted in",
        "zoo/probes/null_space_ratio.py",
        'if not name.endswith("bias")',
        "if name",
        NEWTON_PROBES,
    ),
    mutant(
        "condition 2: never at the pre-activation",
        "zoo/probes/condition_two.py",
        'self._space == "pre"',
        'self._space == "out"',
        OUTPUT_PROBES,
    ),
    mutant(
        "output step: its sign is lost",
        "zoo/probes/output_step.py",
        "change = -output_change",
        "change = output_change",
        OUTPUT_PROBES,
    ),
)
