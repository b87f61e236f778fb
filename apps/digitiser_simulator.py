#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# GNU Radio Python Flow Graph
# Title: Digitiser simulator
# Description: Send what a digitiser with two polarisations sends: 8-bit samples of a tone in noise, with timestamps.

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
from gnuradio import spead2




class digitiser_simulator(gr.top_block):

    def __init__(self, amplitude=0.5, frequency=100e3, heap_samples=4096, host='127.0.0.1', noise=0.05, packet_size=1472, port=8888, sample_rate=1e6, samples=0):
        gr.top_block.__init__(self, "Digitiser simulator", catch_exceptions=True)

        ##################################################
        # Parameters
        ##################################################
        self.amplitude = amplitude
        self.frequency = frequency
        self.heap_samples = heap_samples
        self.host = host
        self.noise = noise
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

        self.tone_v = analog.sig_source_f(sample_rate, analog.GR_SIN_WAVE, frequency, amplitude, 0, 0)
        self.tone_h = analog.sig_source_f(sample_rate, analog.GR_COS_WAVE, frequency, amplitude, 0, 0)
        self.throttle = blocks.throttle(gr.sizeof_char*1, sample_rate,True)
        self.sink = spead2.udp_heap_sink(
            [(host, port)],
            [
                spead2.item(0x1000, 'pol_h', 'Horizontal polarisation', 'int8'),
                spead2.item(0x1001, 'pol_v', 'Vertical polarisation', 'int8'),
            ],
            samples_per_heap=heap_samples,
            scalars=[
                spead2.counter_item(
                    0x1600, "timestamp", "Time of the heap's first sample",
                    start=0, step=1,
                ),
            ],
            descriptor_interval=1000,
            substream=0,
            on_send_error='count',
            send_start=True,
            send_end=True,
            flavour=spead2.Flavour(4, 64, 40),
            max_packet_size=packet_size,
            rate=(2.5 * sample_rate),
            ttl=None,
            interface_address='',
            buffer_size=524288,
            max_heaps=16,
        )
        self.noise_v = analog.noise_source_f(analog.GR_GAUSSIAN, noise, 2)
        self.noise_h = analog.noise_source_f(analog.GR_GAUSSIAN, noise, 1)
        self.head_v = blocks.head(gr.sizeof_char*1, limit)
        self.head_h = blocks.head(gr.sizeof_char*1, limit)
        self.convert_v = blocks.float_to_char(1, 127)
        self.convert_h = blocks.float_to_char(1, 127)
        self.add_v = blocks.add_vff(1)
        self.add_h = blocks.add_vff(1)


        ##################################################
        # Connections
        ##################################################
        self.connect((self.add_h, 0), (self.convert_h, 0))
        self.connect((self.add_v, 0), (self.convert_v, 0))
        self.connect((self.convert_h, 0), (self.throttle, 0))
        self.connect((self.convert_v, 0), (self.head_v, 0))
        self.connect((self.head_h, 0), (self.sink, 0))
        self.connect((self.head_v, 0), (self.sink, 1))
        self.connect((self.noise_h, 0), (self.add_h, 1))
        self.connect((self.noise_v, 0), (self.add_v, 1))
        self.connect((self.throttle, 0), (self.head_h, 0))
        self.connect((self.tone_h, 0), (self.add_h, 0))
        self.connect((self.tone_v, 0), (self.add_v, 0))


    def get_amplitude(self):
        return self.amplitude

    def set_amplitude(self, amplitude):
        self.amplitude = amplitude
        self.tone_h.set_amplitude(self.amplitude)
        self.tone_v.set_amplitude(self.amplitude)

    def get_frequency(self):
        return self.frequency

    def set_frequency(self, frequency):
        self.frequency = frequency
        self.tone_h.set_frequency(self.frequency)
        self.tone_v.set_frequency(self.frequency)

    def get_heap_samples(self):
        return self.heap_samples

    def set_heap_samples(self, heap_samples):
        self.heap_samples = heap_samples

    def get_host(self):
        return self.host

    def set_host(self, host):
        self.host = host

    def get_noise(self):
        return self.noise

    def set_noise(self, noise):
        self.noise = noise
        self.noise_h.set_amplitude(self.noise)
        self.noise_v.set_amplitude(self.noise)

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
        self.sink.set_rate((2.5 * self.sample_rate))
        self.throttle.set_sample_rate(self.sample_rate)
        self.tone_h.set_sampling_freq(self.sample_rate)
        self.tone_v.set_sampling_freq(self.sample_rate)

    def get_samples(self):
        return self.samples

    def set_samples(self, samples):
        self.samples = samples
        self.set_limit(self.samples if self.samples > 0 else 2**62)

    def get_limit(self):
        return self.limit

    def set_limit(self, limit):
        self.limit = limit
        self.head_h.set_length(self.limit)
        self.head_v.set_length(self.limit)



def argument_parser():
    description = 'Send what a digitiser with two polarisations sends: 8-bit samples of a tone in noise, with timestamps.'
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "--amplitude", dest="amplitude", type=eng_float, default=eng_notation.num_to_str(float(0.5)),
        help="Set amplitude of the tone, full scale is 1 [default=%(default)r]")
    parser.add_argument(
        "-f", "--frequency", dest="frequency", type=eng_float, default=eng_notation.num_to_str(float(100e3)),
        help="Set frequency of the tone in Hz [default=%(default)r]")
    parser.add_argument(
        "--heap-samples", dest="heap_samples", type=intx, default=4096,
        help="Set samples in a heap [default=%(default)r]")
    parser.add_argument(
        "-H", "--host", dest="host", type=str, default='127.0.0.1',
        help="Set host to send to [default=%(default)r]")
    parser.add_argument(
        "--noise", dest="noise", type=eng_float, default=eng_notation.num_to_str(float(0.05)),
        help="Set deviation of the noise [default=%(default)r]")
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


def main(top_block_cls=digitiser_simulator, options=None):
    if options is None:
        options = argument_parser().parse_args()
    tb = top_block_cls(amplitude=options.amplitude, frequency=options.frequency, heap_samples=options.heap_samples, host=options.host, noise=options.noise, packet_size=options.packet_size, port=options.port, sample_rate=options.sample_rate, samples=options.samples)

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
