"""A device whose memory is not the processor's, such as a GPU, without there being one.

Its tensors say that they lie on `NAME`, and their numbers are held where only this module reaches.
Every operation of PyTorch comes by here: one whose tensors lie on both sides raises `RuntimeError`
as CUDA does, unless it copies or the other one is a single number; and `numpy()` raises.
"""

import threading
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

NAME = "meta"
"""A device that PyTorch knows and that holds no numbers of its own."""

_MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Apart(torch.Tensor):
    """A tensor on the device; `inner` holds its numbers."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=NAME,
        )

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):
        return self.inner.tolist()

    def __getitem__(self, key):
        # Of a list PyTorch makes a tensor on the device, which comes by nowhere.
        return super().__getitem__(Apart(_TENSOR(key)) if isinstance(key, list) else key)

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _run(operation, args, kwargs or {})


@contextmanager
def device():
    """Makes the device be there, for this thread; yields the operations that ran on it."""
    ran = []
    with _Device(ran), patch.object(torch, "tensor", _made):
        yield ran


@contextmanager
def everywhere():
    """The same for this thread and those that begin meanwhile.

    What is for inference only is computed as without gradients, which these tensors need.
    """
    run = threading.Thread.run
    no_grad = patch.object(torch, "inference_mode", torch.no_grad)
    with no_grad, device() as ran:

        def there(thread):
            with _Device(ran):
                run(thread)

        with patch.object(threading.Thread, "run", there):
            yield ran


# Below: private.


class _Device(TorchDispatchMode):
    def __init__(self, ran):
        super().__init__()
        self.ran = ran

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = kwargs or {}
        with self:  # made of others, as in inference mode they come here
            parts = operation.decompose(*args, **given)
        if parts is not NotImplemented:
            return parts
        tensors = [value for value in tree_flatten((args, given))[0] if _is_tensor(value)]
        if any(isinstance(value, Apart) for value in tensors) or _on_device(given):
            self.ran.append(operation)
            return _run(operation, args, given)
        return operation(*args, **given)


_TENSOR = torch.tensor


def _made(data, **given):
    """What `torch.tensor` makes, which comes by nowhere."""
    if not _on_device(given):
        return _TENSOR(data, **given)
    return Apart(_TENSOR(data, **{**given, "device": "cpu"}))


def _is_tensor(value):
    return isinstance(value, torch.Tensor)


def _on_device(given):
    return given.get("device") is not None and torch.device(given["device"]).type == NAME


def _inner(value):
    return value.inner if isinstance(value, Apart) else value


def _run(operation, args, given):
    tensors = [value for value in tree_flatten((args, given))[0] if _is_tensor(value)]
    if operation not in _MOVES:
        for value in tensors:
            if not isinstance(value, Apart) and value.dim():
                raise RuntimeError(f"{operation} was given tensors on {NAME} and on cpu")
    there = _on_device(given) if given.get("device") is not None else True
    if operation is torch.ops.aten.copy_.default:
        _inner(args[0]).copy_(_inner(args[1]))
        return args[0]
    plain = dict(tree_map(_inner, given))
    if "device" in plain:
        plain["device"] = "cpu"
    found = operation(*tree_map(_inner, args), **plain)
    if not there:
        return found
    wrapped = tree_map(lambda value: Apart(value) if _is_tensor(value) else value, found)
    return return_and_correct_aliasing(operation, args, given, wrapped)
