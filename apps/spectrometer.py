#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# GNU Radio Python Flow Graph
# Title: Spectrometer
# Description: Send power spectra of a tone in noise, each a vector with the zero frequency in the middle.

from gnuradio import analog
from gnuradio import blocks
from gnuradio import fft
from gnuradio.fft import window
from gnuradio import gr
from gnuradio.filter import firdes
import sys
import signal
from argparse import ArgumentParser
from gnuradio.eng_arg import eng_float, intx
from gnuradio import eng_notation
from gnuradio import spead2




class spectrometer(gr.top_block):

    def __init__(self, channels=1024, frequency=125e3, heap_spectra=4, host='127.0.0.1', integrate=16, noise=0.1, packet_size=1472, port=8888, sample_rate=1e6, spectra=0):
        gr.top_block.__init__(self, "Spectrometer", catch_exceptions=True)

        ##################################################
        # Parameters
        ##################################################
        self.channels = channels
        self.frequency = frequency
        self.heap_spectra = heap_spectra
        self.host = host
        self.integrate = integrate
        self.noise = noise
        self.packet_size = packet_size
        self.port = port
        self.sample_rate = sample_rate
        self.spectra = spectra

        ##################################################
        # Variables
        ##################################################
        self.limit = limit = spectra if spectra > 0 else 2**62

        ##################################################
        # Blocks
        ##################################################

        self.transform = fft.fft_vcc(channels, True, window.blackmanharris(channels), True, 1)
        self.tone = analog.sig_source_c(sample_rate, analog.GR_COS_WAVE, frequency, 1, 0, 0)
        self.to_vector = blocks.stream_to_vector(gr.sizeof_gr_complex*1, channels)
        self.throttle = blocks.throttle(gr.sizeof_gr_complex*1, sample_rate,True)
        self.sink = spead2.udp_heap_sink(
            [(host, port)],
            [
                spead2.item(0x1000, 'spectrum', 'Power spectra', 'float', (channels,)),
            ],
            samples_per_heap=heap_spectra,
            scalars=[
                spead2.counter_item(
                    0x1600, "timestamp", "Time of the heap's first sample",
                    start=0, step=(channels * integrate),
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
        self.power = blocks.complex_to_mag_squared(channels)
        self.noise_source = analog.noise_source_c(analog.GR_GAUSSIAN, noise, 1)
        self.integrator = blocks.integrate_ff(integrate, channels)
        self.head = blocks.head(gr.sizeof_float*channels, limit)
        self.add = blocks.add_vcc(1)


        ##################################################
        # Connections
        ##################################################
        self.connect((self.add, 0), (self.throttle, 0))
        self.connect((self.head, 0), (self.sink, 0))
        self.connect((self.integrator, 0), (self.head, 0))
        self.connect((self.noise_source, 0), (self.add, 1))
        self.connect((self.power, 0), (self.integrator, 0))
        self.connect((self.throttle, 0), (self.to_vector, 0))
        self.connect((self.to_vector, 0), (self.transform, 0))
        self.connect((self.tone, 0), (self.add, 0))
        self.connect((self.transform, 0), (self.power, 0))


    def get_channels(self):
        return self.channels

    def set_channels(self, channels):
        self.channels = channels

    def get_frequency(self):
        return self.frequency

    def set_frequency(self, frequency):
        self.frequency = frequency
        self.tone.set_frequency(self.frequency)

    def get_heap_spectra(self):
        return self.heap_spectra

    def set_heap_spectra(self, heap_spectra):
        self.heap_spectra = heap_spectra

    def get_host(self):
        return self.host

    def set_host(self, host):
        self.host = host

    def get_integrate(self):
        return self.integrate

    def set_integrate(self, integrate):
        self.integrate = integrate

    def get_noise(self):
        return self.noise

    def set_noise(self, noise):
        self.noise = noise
        self.noise_source.set_amplitude(self.noise)

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

    def get_spectra(self):
        return self.spectra

    def set_spectra(self, spectra):
        self.spectra = spectra
        self.set_limit(self.spectra if self.spectra > 0 else 2**62)

    def get_limit(self):
        return self.limit

    def set_limit(self, limit):
        self.limit = limit
        self.head.set_length(self.limit)



def argument_parser():
    description = 'Send power spectra of a tone in noise, each a vector with the zero frequency in the middle.'
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "-c", "--channels", dest="channels", type=intx, default=1024,
        help="Set channels of a spectrum [default=%(default)r]")
    parser.add_argument(
        "-f", "--frequency", dest="frequency", type=eng_float, default=eng_notation.num_to_str(float(125e3)),
        help="Set frequency of the tone in Hz [default=%(default)r]")
    parser.add_argument(
        "--heap-spectra", dest="heap_spectra", type=intx, default=4,
        help="Set spectra in a heap [default=%(default)r]")
    parser.add_argument(
        "-H", "--host", dest="host", type=str, default='127.0.0.1',
        help="Set host to send to [default=%(default)r]")
    parser.add_argument(
        "--integrate", dest="integrate", type=intx, default=16,
        help="Set spectra added up [default=%(default)r]")
    parser.add_argument(
        "--noise", dest="noise", type=eng_float, default=eng_notation.num_to_str(float(0.1)),
        help="Set amplitude of the noise [default=%(default)r]")
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
        "-n", "--spectra", dest="spectra", type=intx, default=0,
        help="Set spectra to send, 0: endless [default=%(default)r]")
    return parser


def main(top_block_cls=spectrometer, options=None):
    if options is None:
        options = argument_parser().parse_args()
    tb = top_block_cls(channels=options.channels, frequency=options.frequency, heap_spectra=options.heap_spectra, host=options.host, integrate=options.integrate, noise=options.noise, packet_size=options.packet_size, port=options.port, sample_rate=options.sample_rate, spectra=options.spectra)

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
