"""What may have happened to the keys of a state dict that do not fit a module."""

import difflib

_MOST_KEYS, _MOST_HINTS = 300, 5


def hints(missing, unexpected):
    """Sentences on how `unexpected` keys could become the `missing` ones."""
    if not missing or not unexpected:
        return []
    for keys, others, sentence in (
            (unexpected, missing, 'The keys in state_dict begin with "{0}", which the model\'s do not; '
                                  'torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state_dict, "{0}") takes it away.'),
            (missing, unexpected, 'The model\'s keys begin with "{0}", which those in state_dict do not; '
                                  '{{"{0}" + key: value for key, value in state_dict.items()}} puts it there.')):
        prefix = _prefix(keys, others)
        if prefix:
            return [sentence.format(prefix)]
    return _near(missing, unexpected)


def _prefix(keys, others):
    """What all `keys` begin with and most become one of `others` without."""
    others = set(others)
    for other in list(others)[:_MOST_HINTS]:
        first = next((key for key in keys if key.endswith("." + other)), None)
        if first is None:
            continue
        prefix = first[:-len(other)]
        fitting = sum(key.startswith(prefix) and key[len(prefix):] in others for key in keys)
        if 2 * fitting > len(keys):
            return prefix
    return None


def _near(missing, unexpected):
    """Modules with the same members under other names, and alike names, each once."""
    found, free = [], list(missing[:_MOST_KEYS])
    for old, new in _same_members(free, unexpected[:_MOST_KEYS]):
        found.append(f'"{old}.*" may be "{new}.*"')
    if not found:
        for key in unexpected[:_MOST_KEYS]:
            alike = difflib.get_close_matches(key, free, 1, 0.75)
            if alike:
                free.remove(alike[0])
                found.append(f'"{key}" may be "{alike[0]}"')
    more = ", ..." if len(found) > _MOST_HINTS else ""
    return [f"Renamed? {', '.join(found[:_MOST_HINTS])}{more}."] if found else []


def _same_members(missing, unexpected):
    """Pairs (name in the file, name in the model) of modules whose members have the same names, in order."""
    places = [(name, members) for name, members in _members(missing).items() if name]
    for name, members in _members(unexpected).items():
        fitting = next((place for place in places if place[1] == members), None)
        if name and fitting is not None:
            places.remove(fitting)
            yield name, fitting[0]


def _members(keys):
    """The last parts of keys by what is before them."""
    groups = {}
    for key in keys:
        name, _, member = key.rpartition(".")
        groups.setdefault(name, set()).add(member)
    return groups
