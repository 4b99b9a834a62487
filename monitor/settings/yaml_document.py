"""A YAML file as plain data, that knows on which line each part of it stands."""

from pathlib import Path
from typing import NamedTuple

import yaml

from monitor.settings.faults import Fault, SettingsError


class _Loader(yaml.SafeLoader):
    """Reads dates as text, as JSON does: the schema says what they look like."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so that PyYAML finds it
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class YamlDocument(NamedTuple):
    """The `data` of the YAML file named `file`; `root` is its tree of nodes, if it has any."""

    file: str
    data: object
    root: yaml.Node | None

    def line(self, path: tuple[str | int, ...]) -> int:
        """Return the line of the part that `path` leads to, or of the last part on the way."""
        node = self.root
        line = 1 if node is None else node.start_mark.line + 1
        for step in path:
            if isinstance(node, yaml.MappingNode):
                keys = [
                    (key, value)
                    for key, value in node.value
                    if isinstance(key, yaml.ScalarNode) and key.value == str(step)
                ]
                if not keys:
                    return line
                key, node = keys[-1]
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                line = node.start_mark.line + 1
        return line


def read_yaml(path: Path, missing: str) -> YamlDocument:
    """Return the one document of the YAML file at `path`.

    Raises SettingsError if it cannot be read, is not YAML or names a key twice;
    `missing` says what to do if there is no such file.
    """
    file = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError((Fault(file, "", missing),)) from None
    except OSError as error:
        raise SettingsError((Fault(file, "", f"cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError((Fault(file, "", "expected UTF-8 text", line),)) from None
    return _parsed(file, text)


def _parsed(file: str, text: str) -> YamlDocument:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        faults = [
            Fault(file, key, "expected this key once, found it more than once here", line)
            for key, line in _repeated(root, set())
        ]
        if not faults:
            data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise SettingsError((Fault(file, "", f"expected YAML, found: {said}", line),)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = (
            f"expected YAML, found a character that it does not allow: #x{error.character:04x}"
        )
        raise SettingsError((Fault(file, "", message, line),)) from None
    except (ValueError, RecursionError) as error:
        message = f"expected YAML, found a value that cannot be read: {error}"
        raise SettingsError((Fault(file, "", message),)) from None
    if faults:
        raise SettingsError(tuple(faults))
    return YamlDocument(file, data, root)


def _repeated(node: yaml.Node | None, seen: set[int]) -> list[tuple[str, int]]:
    """Return each key that stands twice in a mapping, with the line of its repetition."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return []
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [fault for item in node.value for fault in _repeated(item, seen)]
    found = []
    keys: set[tuple[str, str]] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in keys:
                found.append((key.value, key.start_mark.line + 1))
            keys.add((key.tag, key.value))
        found += _repeated(value, seen)
    return found
