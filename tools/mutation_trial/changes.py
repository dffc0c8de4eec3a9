"""The small changes that a module allows, and the tests that should notice each."""
import ast

# Module -> its test files, the likeliest to notice first.
TESTS = {
    "fashionclf/sources/alignment.py": ["tests/sources/test_alignment.py"],
    "fashionclf/sources/categories.py": ["tests/sources/test_categories.py"],
    "fashionclf/sources/leakage.py": ["tests/sources/test_leakage.py"],
    "fashionclf/sources/splits.py": ["tests/sources/test_split_reference.py",
                                     "tests/sources/test_splits.py",
                                     "tests/sources/test_garments.py"],
    "fashionclf/pictures/jpeg.py": ["tests/pictures/test_jpeg.py",
                                    "tests/pictures/test_decoding.py"],
    "fashionclf/pictures/near_duplicates.py": ["tests/pictures/test_near_duplicates.py",
                                               "tests/pictures/test_picture_hashes.py"],
    "fashionclf/model/augmentation.py": ["tests/model/test_augmentation.py"],
    "fashionclf/model/calibration.py": ["tests/model/test_calibration.py"],
    "fashionclf/model/inference.py": ["tests/model/test_inference.py"],
    "fashionclf/evaluation/metrics.py": ["tests/evaluation/test_metrics.py"],
    "fashionclf/training/history.py": ["tests/training/test_history.py"],
    "fashionclf/training/recipe.py": ["tests/training/test_recipe.py",
                                      "tests/training/test_step_reference.py"],
    "fashionclf/training/step.py": ["tests/training/test_step_reference.py",
                                    "tests/training/test_loop.py"]}

OPERATORS = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Add: [ast.Sub],
    ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult], ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.FloorDiv], ast.And: [ast.Or], ast.Or: [ast.And], ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd]}
NAMES = {"min": "max", "minimum": "maximum", "any": "all", "argmin": "argmax"}
NAMES |= {new: old for old, new in NAMES.items()}


def of(tree: ast.Module) -> list[tuple[ast.AST, str, object]]:
    """Each possible change of a module: a node, one of its fields, and that field's new value."""
    hints = [hint for node in ast.walk(tree) for field in ("annotation", "returns")
             if (hint := getattr(node, field, None))]
    ignored = {id(node) for hint in hints for node in ast.walk(hint)}
    found = []
    for node in ast.walk(tree):
        match node:
            case _ if id(node) in ignored:
                continue
            case ast.BinOp() | ast.AugAssign() | ast.BoolOp():
                found += [(node, "op", new()) for new in OPERATORS.get(type(node.op), [])]
            case ast.UnaryOp():
                found.append((node, "operand", ast.UnaryOp(node.op, node.operand)))
            case ast.Compare():
                found += [(node, "ops", [*node.ops[:place], new(), *node.ops[place + 1:]])
                          for place, old in enumerate(node.ops) for new in OPERATORS[type(old)]]
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                found.append((node, "value", node.value + 1))
            case ast.Name() if node.id in NAMES:
                found.append((node, "id", NAMES[node.id]))
            case ast.Attribute() if node.attr in NAMES:
                found.append((node, "attr", NAMES[node.attr]))
    return found


def changed(source: str, number: int) -> tuple[str, str]:
    """The source with one of its changes, see `of`, and "line: before -> after"."""
    tree = ast.parse(source)
    node, field, value = of(tree)[number]
    before = ast.unparse(node)
    setattr(node, field, value)
    return ast.unparse(tree), f"{node.lineno}: {before} -> {ast.unparse(node)}"
