// SPDX-License-Identifier: GPL-3.0-or-later
// A device for SoapySDR that is no hardware: its antenna gets one tone at 100.125 MHz. It keeps the time
// as a receiver does, and its gain is in dB.
#include <SoapySDR/Device.hpp>
#include <SoapySDR/Registry.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <numbers>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr double tone = 100.125e6;
constexpr double highest_rate = 2e6;

class device final : public SoapySDR::Device {
public:
    std::string getDriverKey() const override { return "tone"; }
    size_t getNumChannels(const int direction) const override { return direction == SOAPY_SDR_RX; }

    void setSampleRate(int, size_t, double rate) override { rate_ = std::round(rate / 1e5) * 1e5; }
    double getSampleRate(int, size_t) const override { return rate_; }
    void setFrequency(int, size_t, const std::string&, double frequency,
                      const SoapySDR::Kwargs&) override {
        frequency_ = frequency;
    }
    void setFrequency(int, size_t, double frequency, const SoapySDR::Kwargs&) override {
        frequency_ = frequency;
    }
    std::vector<std::string> listFrequencies(int, size_t) const override { return {"RF"}; }
    SoapySDR::RangeList getFrequencyRange(int, size_t) const override { return {{1e6, 6e9}}; }
    SoapySDR::RangeList getSampleRateRange(int, size_t) const override {
        return {{1e3, highest_rate}};
    }
    std::vector<std::string> listGains(int, size_t) const override { return {"all"}; }
    SoapySDR::Range getGainRange(int, size_t) const override { return {0, 60}; }
    SoapySDR::Range getGainRange(int, size_t, const std::string&) const override { return {0, 60}; }
    void setGain(int, size_t, double gain) override { amplitude_ = std::pow(10, gain / 20); }
    double getGain(int, size_t) const override { return 20 * std::log10(amplitude_); }

    std::vector<std::string> getStreamFormats(int, size_t) const override { return {"CF32"}; }
    std::string getNativeStreamFormat(int, size_t, double& full) const override {
        full = 1;
        return "CF32";
    }
    SoapySDR::Stream* setupStream(int, const std::string&, const std::vector<size_t>&,
                                  const SoapySDR::Kwargs&) override {
        return reinterpret_cast<SoapySDR::Stream*>(this);
    }
    void closeStream(SoapySDR::Stream*) override {}
    int activateStream(SoapySDR::Stream*, int, long long, size_t) override {
        start_ = std::chrono::steady_clock::now();
        n_ = 0;
        return 0;
    }
    int deactivateStream(SoapySDR::Stream*, int, long long) override { return 0; }

    int readStream(SoapySDR::Stream*, void* const* buffers, size_t count, int& flags, long long&,
                   long) override {
        flags = 0;
        count = std::min<size_t>(count, 4096);
        auto* const out = static_cast<std::complex<float>*>(buffers[0]);
        const double step = 2 * std::numbers::pi * (tone - frequency_) / rate_;
        for (size_t i = 0; i < count; ++i)
            out[i] = std::complex<float>(std::polar(
                amplitude_, std::fmod(step * static_cast<double>(n_++), 2 * std::numbers::pi)));
        std::this_thread::sleep_until(
            start_ + std::chrono::duration<double>(static_cast<double>(n_) / rate_));
        return static_cast<int>(count);
    }

private:
    double rate_ = 1e6;
    double frequency_ = 0;
    double amplitude_ = 1;
    std::chrono::steady_clock::time_point start_;
    unsigned long long n_ = 0;
};

SoapySDR::KwargsList find(const SoapySDR::Kwargs& wanted) {
    const auto driver = wanted.find("driver");
    if (driver == wanted.end() || driver->second != "tone") return {};
    return {{{"driver", "tone"}}};
}

SoapySDR::Device* make(const SoapySDR::Kwargs&) { return new device; }

const SoapySDR::Registry registry("tone", &find, &make, SOAPY_SDR_ABI_VERSION);

}  // namespace
