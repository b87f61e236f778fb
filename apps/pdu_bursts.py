#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# GNU Radio Python Flow Graph
# Title: Bursts as PDUs
# Description: Cut bursts out of a stream and send each of these PDUs as a heap.

from gnuradio import analog
from gnuradio import blocks
from gnuradio import gr
from gnuradio.filter import firdes
from gnuradio.fft import window
import sys
import signal
from argparse import ArgumentParser
from gnuradio.eng_arg import eng_float, intx
from gnuradio import eng_notation
from gnuradio import pdu
from gnuradio import spead2




class pdu_bursts(gr.top_block):

    def __init__(self, burst=1000, frequency=10e3, gap=9000, host='127.0.0.1', packet_size=1472, port=8888, sample_rate=1e6, samples=0):
        gr.top_block.__init__(self, "Bursts as PDUs", catch_exceptions=True)

        ##################################################
        # Parameters
        ##################################################
        self.burst = burst
        self.frequency = frequency
        self.gap = gap
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

        self.tone = analog.sig_source_c(sample_rate, analog.GR_COS_WAVE, frequency, 1, 0, 0)
        self.throttle = blocks.throttle(gr.sizeof_gr_complex*1, sample_rate,True)
        self.sink = spead2.udp_pdu_heap_sink(
            [(host, port)],
            spead2.item(0x1000, 'burst', 'Samples of a burst', 'complex'),
            variable_length=True,
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
            rate=0,
            ttl=None,
            interface_address='',
            buffer_size=524288,
            max_heaps=16,
        )
        self.head = blocks.head(gr.sizeof_gr_complex*1, limit)
        self.bursts = pdu.take_skip_to_pdu_c(burst, gap)


        ##################################################
        # Connections
        ##################################################
        self.msg_connect((self.bursts, 'pdus'), (self.sink, 'pdus'))
        self.connect((self.head, 0), (self.bursts, 0))
        self.connect((self.throttle, 0), (self.head, 0))
        self.connect((self.tone, 0), (self.throttle, 0))


    def get_burst(self):
        return self.burst

    def set_burst(self, burst):
        self.burst = burst
        self.bursts.set_take(self.burst)

    def get_frequency(self):
        return self.frequency

    def set_frequency(self, frequency):
        self.frequency = frequency
        self.tone.set_frequency(self.frequency)

    def get_gap(self):
        return self.gap

    def set_gap(self, gap):
        self.gap = gap
        self.bursts.set_skip(self.gap)

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
        self.throttle.set_sample_rate(self.sample_rate)
        self.tone.set_sampling_freq(self.sample_rate)

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
    description = 'Cut bursts out of a stream and send each of these PDUs as a heap.'
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "-b", "--burst", dest="burst", type=intx, default=1000,
        help="Set samples of a burst [default=%(default)r]")
    parser.add_argument(
        "-f", "--frequency", dest="frequency", type=eng_float, default=eng_notation.num_to_str(float(10e3)),
        help="Set frequency of the tone in Hz [default=%(default)r]")
    parser.add_argument(
        "-g", "--gap", dest="gap", type=intx, default=9000,
        help="Set samples between bursts [default=%(default)r]")
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
        help="Set samples to send, 0: endless [default=%(default)r]")
    return parser


def main(top_block_cls=pdu_bursts, options=None):
    if options is None:
        options = argument_parser().parse_args()
    tb = top_block_cls(burst=options.burst, frequency=options.frequency, gap=options.gap, host=options.host, packet_size=options.packet_size, port=options.port, sample_rate=options.sample_rate, samples=options.samples)

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
