// SPDX-License-Identifier: Apache-2.0
// The reader of capture files.
#include <spead2/recv/readers/pcap.h>

#include <memory>
#include <string>

#include "bound_types.h"
#include "support/objects.h"

namespace spead2::python {
namespace {

/// str, bytes or os.PathLike.
std::string to_filename(const py::object& name) {
    PyObject* encoded = nullptr;
    if (run_python<PyUnicode_FSConverter>(name.ptr(), &encoded) == 0) throw py::error_already_set();
    return steal(encoded).cast<py::bytes>();
}

void add_pcap(recv::stream& s, const py::object& filename, const std::string& filter,
              bool at_own_pace) {
    const recv::pcap_reader_options options{to_filename(filename), filter, at_own_pace};
    const gil_release released;
    s.add_reader<recv::pcap_reader>(options);
}

}  // namespace

void add_file_readers(py::class_<recv::stream, std::shared_ptr<recv::stream>>& bound) {
    bound.def("add_udp_pcap_file_reader", &add_pcap, py::arg("filename"), py::arg("filter") = "",
              py::kw_only(), py::arg("at_own_pace") = false,
              R"(Receive the UDP packets in a capture file.

Takes IPv4 and IPv6, with VLAN tags or without, from captures of Ethernet, Linux "cooked" interfaces,
the loop-back interface, and bare IP; fragments are put together. Other packets are passed over, those
that the capture has cut off with a warning. The reader ends with the file.

Parameters
----------
filename : str, bytes or os.PathLike
    pcap or pcapng; a regular file.
filter : str
    Which packets, in the language of tcpdump; empty: all.
at_own_pace : bool
    Whether packets come at the pace at which they were captured; else as fast as they are taken.

Raises
------
OSError
    If the file cannot be opened (RuntimeError, too).
RuntimeError
    If it is no capture, or one of something else; if the filter is wrong; without libpcap; after
    :meth:`start` with `explicit_start`.
)");
}

}  // namespace spead2::python
