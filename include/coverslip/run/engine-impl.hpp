// The engine without its kernels: Model, Session, Preprocess and what stands behind them.
#pragma once
#include "coverslip/run/preprocess-impl.hpp"
#include "coverslip/run/session-impl.hpp"
#if __has_include("coverslip/io/reader.hpp") && __has_include("coverslip/io/golden.hpp")
#include "coverslip/run/load-impl.hpp"
#endif

// Two translation units with engine code are a link error; this is the name that it shows.
extern "C" void coverslip_impl_hpp_belongs_in_exactly_one_cpp() {}
