// SPDX-License-Identifier: Apache-2.0
// Descriptions and values made of the fuzzer's bytes, received and given to ItemGroup.update: all of
// them become values, or a ValueError.
//
// The program is an interpreter with the bindings in it. Run it with PYTHONMALLOC=malloc, so that the
// sanitizer sees what belongs to Python's objects.
#include <cstdio>
#include <memory>
#include <utility>

#include <spead2/send/heap.h>
#include <spead2/send/packet_generator.h>
#include <spead2/wire/protocol.h>

#include "built_in_python.h"
#include "fuzz_input.h"
#include "recv/heap.h"

namespace {

PyObject* update = nullptr;  // a function of Python

constexpr const char* preparation = R"(
import logging, warnings

logging.disable()
warnings.simplefilter("ignore")  # numpy's, of dtypes that it will not know some day

import numpy as np
import spead2

group = None

def update(heap, order, new_group):
    global group
    if new_group or group is None:
        group = spead2.ItemGroup()
    try:
        group.update(heap, order)
    except ValueError:
        pass
    for item in group.values():
        if isinstance(item.value, np.ndarray) and item.value.size < 10000:
            item.value.tobytes()
)";

/// A heap under construction; items refer to the fuzzer's bytes.
class writer {
public:
    explicit writer(spead2::flavour f) : heap_(f), description_(f) {}

    void field(std::uint64_t id, std::span<const std::uint8_t> content) {
        description_.add_item(id, content.data(), content.size(), false);
    }
    void field(std::uint64_t id, std::uint64_t value) { description_.add_immediate(id, value); }
    void end_description() {
        const auto content = std::make_shared<std::vector<std::uint8_t>>(packets(description_));
        heap_.add_item(spead2::descriptor_id, content, content->data(), content->size(), false);
        description_ = spead2::send::heap(heap_.get_flavour());
    }
    void value(std::uint64_t id, std::span<const std::uint8_t> content, bool immediate) {
        heap_.add_item(id, content.data(), content.size(), immediate);
    }
    std::vector<std::uint8_t> end_heap() {
        return packets(std::exchange(heap_, spead2::send::heap(heap_.get_flavour())));
    }

private:
    static std::vector<std::uint8_t> packets(const spead2::send::heap& h) {
        std::vector<std::uint8_t> out;
        for (spead2::send::packet_generator p(h, 1, 1 << 20); !p.done();) {
            const std::size_t size = p.next_size();
            out.resize(out.size() + size);
            p.next(std::span(out).last(size));
        }
        return out;
    }

    spead2::send::heap heap_;
    spead2::send::heap description_;
};

void give(const std::vector<std::uint8_t>& packets, unsigned bug_compat, const char* order,
          bool new_group) {
    spead2::recv::stream_config config;
    config.set_bug_compat(bug_compat).set_stop_on_stop_item(false);
    for (const spead2::recv::heap_ptr& h : fuzz::receive(config, packets)) {
        PyObject* const heap = spead2::python::new_received_heap(h);
        fuzz::require(heap != nullptr);
        PyObject* const arguments = Py_BuildValue("(Nsi)", heap, order, new_group ? 1 : 0);
        PyObject* const result = PyObject_CallObject(update, arguments);
        Py_XDECREF(arguments);
        if (result == nullptr) PyErr_Print();
        fuzz::require(result != nullptr);
        Py_XDECREF(result);
    }
}

void run(fuzz::input in) {
    const std::uint8_t options = in.byte();
    const unsigned bug_compat = options & 7U;
    const spead2::flavour flavour(4, 64, (options & 8U) != 0 ? 48 : 40);
    const char* const order = (options & 16U) == 0 ? "=" : (options & 32U) == 0 ? "|" : ">";
    bool new_group = true;
    writer heap(flavour);
    bool described = false;
    while (!in.empty()) {
        const std::uint8_t kind = in.byte();
        const std::uint64_t id = 0x1000 + (kind >> 6U);
        const auto content = in.bytes((kind & 8U) != 0 ? in.byte() : kind >> 4U & 3U);
        switch (kind & 7U) {
            case 0:
                heap.field(spead2::descriptor_id_id, id);
                described = true;
                break;
            case 1:
                heap.field(spead2::descriptor_name_id, content);
                break;
            case 2:
                heap.field(spead2::descriptor_shape_id, content);
                break;
            case 3:
                heap.field(spead2::descriptor_format_id, content);
                break;
            case 4:
                heap.field(spead2::descriptor_dtype_id, content);
                break;
            case 5:
                if (std::exchange(described, false)) heap.end_description();
                break;
            case 6:
                heap.value(id, content, (kind & 16U) != 0);
                break;
            default:
                give(heap.end_heap(), bug_compat, order, std::exchange(new_group, false));
        }
    }
    if (described) heap.end_description();
    give(heap.end_heap(), bug_compat, order, new_group);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    fuzz::no_log();
    fuzz::require(fuzz::start_python(0, nullptr));
    PyObject* const globals = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject* const done = PyRun_String(preparation, Py_file_input, globals, globals);
    if (done == nullptr) PyErr_Print();
    fuzz::require(done != nullptr);
    Py_DECREF(done);
    update = PyDict_GetItemString(globals, "update");
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    run(fuzz::input({data, size}));
    return 0;
}
