#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# GNU Radio Python Flow Graph
# Title: IQ player
# Description: Send a raw file of complex samples (pairs of 32-bit floats) as heaps.

from gnuradio import blocks
import pmt
from gnuradio import gr
from gnuradio.filter import firdes
from gnuradio.fft import window
import sys
import signal
from argparse import ArgumentParser
from gnuradio.eng_arg import eng_float, intx
from gnuradio import eng_notation
from gnuradio import spead2




class iq_player(gr.top_block):

    def __init__(self, file='samples.cf32', heap_samples=8192, host='127.0.0.1', packet_size=1472, port=8888, sample_rate=1e6, samples=0):
        gr.top_block.__init__(self, "IQ player", catch_exceptions=True)

        ##################################################
        # Parameters
        ##################################################
        self.file = file
        self.heap_samples = heap_samples
        self.host = host
        self.packet_size = packet_size
        self.port = port
        self.sample_rate = sample_rate
        self.samples = samples

        ##################################################
        # Variables
        ##################################################
        self.limit = limit = samples if samples > 0 else 2**62

        ##################################################
        # Blocks
        ##################################################

        self.throttle = blocks.throttle(gr.sizeof_gr_complex*1, sample_rate,True)
        self.sink = spead2.udp_heap_sink(
            [(host, port)],
            [
                spead2.item(0x1000, 'samples', 'Samples', 'complex'),
            ],
            samples_per_heap=heap_samples,
            scalars=[
                spead2.counter_item(
                    0x1600, "timestamp", "Time of the heap's first sample",
                    start=0, step=1,
                ),
            ],
            descriptor_interval=0,
            substream=0,
            on_send_error='count',
            send_start=True,
            send_end=True,
            flavour=spead2.Flavour(4, 64, 40),
            max_packet_size=packet_size,
            rate=(10 * sample_rate),
            ttl=None,
            interface_address='',
            buffer_size=524288,
            max_heaps=16,
        )
        self.recording = blocks.file_source(gr.sizeof_gr_complex*1, file, False, 0, 0)
        self.recording.set_begin_tag(pmt.PMT_NIL)
        self.head = blocks.head(gr.sizeof_gr_complex*1, limit)


        ##################################################
        # Connections
        ##################################################
        self.connect((self.head, 0), (self.sink, 0))
        self.connect((self.recording, 0), (self.throttle, 0))
        self.connect((self.throttle, 0), (self.head, 0))


    def get_file(self):
        return self.file

    def set_file(self, file):
        self.file = file
        self.recording.open(self.file, False)

    def get_heap_samples(self):
        return self.heap_samples

    def set_heap_samples(self, heap_samples):
        self.heap_samples = heap_samples

    def get_host(self):
        return self.host

    def set_host(self, host):
        self.host = host

    def get_packet_size(self):
        return self.packet_size

    def set_packet_size(self, packet_size):
        self.packet_size = packet_size

    def get_port(self):
        return self.port

    def set_port(self, port):
        self.port = port

    def get_sample_rate(self):
        return self.sample_rate

    def set_sample_rate(self, sample_rate):
        self.sample_rate = sample_rate
        self.sink.set_rate((10 * self.sample_rate))
        self.throttle.set_sample_rate(self.sample_rate)

    def get_samples(self):
        return self.samples

    def set_samples(self, samples):
        self.samples = samples
        self.set_limit(self.samples if self.samples > 0 else 2**62)

    def get_limit(self):
        return self.limit

    def set_limit(self, limit):
        self.limit = limit
        self.head.set_length(self.limit)



def argument_parser():
    description = 'Send a raw file of complex samples (pairs of 32-bit floats) as heaps.'
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "-f", "--file", dest="file", type=str, default='samples.cf32',
        help="Set file of samples [default=%(default)r]")
    parser.add_argument(
        "--heap-samples", dest="heap_samples", type=intx, default=8192,
        help="Set samples in a heap [default=%(default)r]")
    parser.add_argument(
        "-H", "--host", dest="host", type=str, default='127.0.0.1',
        help="Set host to send to [default=%(default)r]")
    parser.add_argument(
        "--packet-size", dest="packet_size", type=intx, default=1472,
        help="Set bytes of a packet [default=%(default)r]")
    parser.add_argument(
        "-p", "--port", dest="port", type=intx, default=8888,
        help="Set port to send to [default=%(default)r]")
    parser.add_argument(
        "-r", "--sample-rate", dest="sample_rate", type=eng_float, default=eng_notation.num_to_str(float(1e6)),
        help="Set samples per second [default=%(default)r]")
    parser.add_argument(
        "-n", "--samples", dest="samples", type=intx, default=0,
        help="Set samples to send, 0: all [default=%(default)r]")
    return parser


def main(top_block_cls=iq_player, options=None):
    if options is None:
        options = argument_parser().parse_args()
    tb = top_block_cls(file=options.file, heap_samples=options.heap_samples, host=options.host, packet_size=options.packet_size, port=options.port, sample_rate=options.sample_rate, samples=options.samples)

    def sig_handler(sig=None, frame=None):
        tb.stop()
        tb.wait()

        sys.exit(0)

    signal.signal(signal.SIGINT, sig_handler)
    signal.signal(signal.SIGTERM, sig_handler)

    tb.start()

    tb.wait()


if __name__ == '__main__':
    main()
