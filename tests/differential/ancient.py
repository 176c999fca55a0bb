# SPDX-License-Identifier: Apache-2.0
"""Lets PyPy of Debian 12, a Python 3.9, read the corpus and its oracle, which are written for 3.11: annotations stay text, `A | B` is a Union."""

import __future__

import ast
import sys
from importlib.machinery import FileFinder, SourceFileLoader


class Unions(ast.NodeTransformer):
    """Of names of types alone: sets that are joined are made of something else."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.BitOr) or not (is_type(node.left) and is_type(node.right)):
            return node
        union = ast.parse("__import__('typing').Union[0, 0]", mode="eval").body
        union.slice = ast.Tuple([node.left, node.right], ast.Load())
        return ast.fix_missing_locations(ast.copy_location(union, node))


def is_type(node: ast.AST) -> bool:
    while isinstance(node, ast.Subscript):
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("int", "str", "bytes", "tuple") or (name[:1].isupper() and not name.isupper())


class Loader(SourceFileLoader):
    def source_to_code(self, data: bytes, path: str, *, _optimize: int = -1):
        tree = ast.parse(data, path)
        for node in tree.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                Unions().visit(node)
        return compile(tree, path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True, optimize=_optimize)


def prepare(*folders: str) -> None:
    sys.path[:0] = folders
    if sys.version_info < (3, 10):
        sys.path_hooks.insert(0, lambda path: FileFinder(path, (Loader, [".py"])) if path.startswith(folders) else refuse(path))


def refuse(path: str):
    raise ImportError(path)
