// SPDX-License-Identifier: Apache-2.0
// The methods of Heap for parts of heaps that several processes send.
#include <spead2/send/heap_part.h>

#include <array>
#include <string>

#include "bindings.h"
#include "core/encode.h"
#include "heap.h"
#include "support/arguments.h"
#include "support/extension_type.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

std::uint64_t to_size(PyObject* object, const char* name) {
    return to_integer<std::uint64_t>(py::handle(object), name);
}

part_pointers to_part_pointers(PyObject* text) {
    if (PyUnicode_Check(text)) {
        if (PyUnicode_CompareWithASCIIString(text, "none") == 0) return part_pointers::none;
        if (PyUnicode_CompareWithASCIIString(text, "first") == 0) return part_pointers::first;
        if (PyUnicode_CompareWithASCIIString(text, "every") == 0) return part_pointers::every;
    }
    set_error(PyExc_ValueError, "pointers is %R, but must be one of 'none', 'first', 'every'",
              text);
    throw py::error_already_set();
}

PyObject* set_part(PyObject* self, PyObject* const* args, Py_ssize_t n_args, PyObject* keywords) {
    static constexpr std::array<const char*, 1> names{"pointers"};
    std::array<PyObject*, 1> values;
    if (!sort_arguments("set_part", names, 1, 1, args, n_args, keywords, values)) return nullptr;
    return none_unless_thrown([&] { heap_of(self).set_part(to_part_pointers(values[0])); });
}

/// Add an item of \a length bytes of which its value is held.
void add_value_as_part(heap& h, PyObject* item, std::uint64_t length, item_blocks blocks) {
    encoded_item encoded;
    encode_item(item, encoded);
    if (encoded.data == nullptr && encoded.owner.object == nullptr) encoded.move_to_memory();
    if (blocks.count == 0 || encoded.length % blocks.count != 0)
        throw std::invalid_argument("a value of " + std::to_string(encoded.length) +
                                    " bytes cannot be divided into " +
                                    std::to_string(blocks.count) + " blocks");
    blocks.data = encoded.data;
    blocks.length = encoded.length / blocks.count;
    h.add_item_part(encoded.id, encoded.owner, length, {&blocks, 1});
}

PyObject* add_item_part(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                        PyObject* keywords) {
    static constexpr std::array<const char*, 5> names{"item", "length", "offset", "count",
                                                      "stride"};
    std::array<PyObject*, 5> values;
    if (!sort_arguments("add_item_part", names, 2, 2, args, n_args, keywords, values))
        return nullptr;
    return none_unless_thrown([&] {
        const std::uint64_t length = to_size(values[1], "length");
        item_blocks blocks;
        if (values[2] != nullptr) blocks.offset = to_size(values[2], "offset");
        if (values[3] != nullptr) blocks.count = to_size(values[3], "count");
        if (values[4] != nullptr) blocks.stride = to_size(values[4], "stride");
        add_value_as_part(heap_of(self), values[0], length, blocks);
    });
}

PyObject* add_item_elsewhere(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                             PyObject* keywords) {
    static constexpr std::array<const char*, 2> names{"id", "length"};
    std::array<PyObject*, 2> values;
    if (!sort_arguments("add_item_elsewhere", names, 2, 2, args, n_args, keywords, values))
        return nullptr;
    return none_unless_thrown([&] {
        heap_of(self).add_item_part(to_size(values[0], "id"), to_size(values[1], "length"), {});
    });
}

PyObject* add_replicated_item(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                              PyObject* keywords) {
    static constexpr std::array<const char*, 2> names{"item", "held"};
    std::array<PyObject*, 2> values;
    if (!sort_arguments("add_replicated_item", names, 2, 2, args, n_args, keywords, values))
        return nullptr;
    return none_unless_thrown([&] {
        heap& h = heap_of(self);
        const bool held = is_true(values[1]);
        encoded_item encoded;
        encode_item(values[0], encoded);
        if (held || (encoded.allow_immediate && encoded.length <= h.get_flavour().address_bytes()))
            add_encoded(h, encoded);
        else
            h.add_item_part(encoded.id, encoded.length, {});
    });
}

PyObject* add_descriptor_elsewhere(PyObject* self, PyObject* descriptor) {
    return none_unless_thrown([&] {
        heap& h = heap_of(self);
        // A copy: describing may run code that makes the heap anew.
        const flavour f = h.get_flavour();
        encoded_item encoded;
        encode_item_descriptor(descriptor, f, encoded);
        check_same_flavour(h, f);
        h.add_item_part(encoded.id, encoded.length, {});
    });
}

PyObject* set_part_padding(PyObject* self, PyObject* const* args, Py_ssize_t n_args,
                           PyObject* keywords) {
    static constexpr std::array<const char*, 2> names{"length", "held"};
    std::array<PyObject*, 2> values;
    if (!sort_arguments("set_part_padding", names, 2, 2, args, n_args, keywords, values))
        return nullptr;
    return none_unless_thrown([&] {
        const bool held = is_true(values[1]);
        heap_of(self).set_part_padding(to_size(values[0], "length"), held);
    });
}

PyObject* get_is_part(PyObject* self, void*) {
    return PyBool_FromLong(heap_of(self).is_part() ? 1 : 0);
}

PyObject* get_held_size(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(heap_of(self).held_size());
}

PyObject* get_payload_size(PyObject* self, void*) {
    return PyLong_FromUnsignedLongLong(heap_of(self).view().payload_size());
}

constexpr int fast = METH_FASTCALL | METH_KEYWORDS;

std::array<PyMethodDef, 6> part_methods{{
    {"set_part", method(set_part), fast, R"(set_part($self, pointers)
--

Make this a part of a heap that several processes send.

The packets have the offsets of the whole heap and only bytes that are held here. All processes
add the same items in the same order and send with the same cnt; a receiver that takes packets out
of order puts the heap together.

Parameters
----------
pointers : {'none', 'first', 'every'}
    Which packets have the item pointers, which say where items lie: none (another process sends
    them), the first ones (as in any heap; one process does), or all.
)"},
    {"add_item_part", method(add_item_part), fast,
     R"(add_item_part($self, item, length, *, offset=0, count=1, stride=0)
--

Add an item of which a part is held here: the item's value, as `count` blocks of equal length.

Parameters
----------
item : Item
    Its value is what is held here; it is referenced where possible, as in :meth:`add_item`.
length : int
    Bytes of the whole item.
offset : int
    Where the first block lies in it.
count : int
    Number of blocks.
stride : int
    Bytes of the whole item from one block to the next.

Raises
------
ValueError
    If this is no part, or the blocks overlap or lie outside the item.
)"},
    {"add_item_elsewhere", method(add_item_elsewhere), fast,
     R"(add_item_elsewhere($self, id, length)
--

Add an item that another process holds.

Parameters
----------
id : int
length : int
    Its bytes.

Raises
------
ValueError
    If this is no part, or the ID is out of range.
)"},
    {"add_replicated_item", method(add_replicated_item), fast,
     R"(add_replicated_item($self, item, held)
--

Add an item whose value is the same in all processes and is sent once: in the item pointers if it
fits there, else by the process that holds it.

Parameters
----------
item : Item
held : bool
    Whether this process sends it. One of them does.

Raises
------
ValueError
    If this is no part, or the item cannot be encoded.
)"},
    {"add_descriptor_elsewhere", add_descriptor_elsewhere, METH_O,
     R"(add_descriptor_elsewhere($self, descriptor, /)
--

Add the description of an item that another process sends.

Parameters
----------
descriptor : Descriptor
    The same as there.

Raises
------
ValueError
    If this is no part, or the descriptor cannot be encoded.
)"},
    {"set_part_padding", method(set_part_padding), fast,
     R"(set_part_padding($self, length, held)
--

Have zero bytes behind the items, where the process with the item pointers holds too little: each
packet must have some payload.

Parameters
----------
length : int
    How many.
held : bool
    Whether this process sends them. One of them does.

Raises
------
ValueError
    If this is no part.
)"},
}};

std::array<PyGetSetDef, 3> part_properties{{
    {"is_part", get_is_part, nullptr, "Whether this is a part of a heap.", nullptr},
    {"held_size", get_held_size, nullptr,
     "Bytes of payload that are held here, without padding: all, unless this is a part.", nullptr},
    {"payload_size", get_payload_size, nullptr,
     "Bytes of payload, without padding; of a part, those of the whole heap.", nullptr},
}};

}  // namespace

void register_heap_part(py::module_& m) {
    const py::object heap_class = m.attr("Heap");
    add_methods(heap_class, part_methods);
    add_properties(heap_class, part_properties);
    m.def(
        "share_of_axis",
        [](std::uint64_t length, std::uint64_t rank, std::uint64_t size) {
            if (size == 0 || rank >= size)
                throw py::value_error("rank " + std::to_string(rank) + " is not below size " +
                                      std::to_string(size));
            const axis_share share = share_of_axis(length, rank, size);
            return py::make_tuple(share.first, share.first + share.count);
        },
        py::arg("length"), py::arg("rank"), py::arg("size"),
        R"(Divide the positions of an axis among processes, as evenly as they go.

Those of lower rank have one more if they do not go evenly.

Parameters
----------
length : int
    Positions of the axis.
rank : int
    Which process, from 0.
size : int
    How many there are.

Returns
-------
tuple of int
    First position of this process, and the one behind its last.

Raises
------
ValueError
    If `rank` is not below `size`.
)");
    m.def("part_padding", &part_padding, py::arg("n_pointers"), py::arg("held"),
          R"(Padding with which a process that holds little can send item pointers.

Parameters
----------
n_pointers : int
    Items of the heap.
held : int
    Bytes that the process holds.

Returns
-------
int
    For :meth:`Heap.set_part_padding`.
)");
}

}  // namespace spead2::python
