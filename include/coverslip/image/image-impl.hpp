// Everything behind the headers of image/: included in exactly one .cpp, which impl.hpp is enough for.
#pragma once
#include "coverslip/image/components-impl.hpp"
#include "coverslip/image/decode-impl.hpp"
#include "coverslip/image/draw-impl.hpp"
#include "coverslip/image/encode-impl.hpp"
#include "coverslip/image/resize-impl.hpp"
#include "coverslip/image/separate-impl.hpp"
#include "coverslip/image/text-impl.hpp"
