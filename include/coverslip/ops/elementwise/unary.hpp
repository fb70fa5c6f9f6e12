// Elementwise functions of one number that are no activations. Each is a row of a table.
#pragma once
#include "coverslip/ops/function.hpp"

namespace coverslip::inline v0::ops {

inline constexpr IntegerStep kSizes[] = {{BinaryOp::PRelu, -1}};
inline constexpr IntegerStep kOpposites[] = {{BinaryOp::Mul, -1}};
inline constexpr IntegerStep kSigns[] = {{BinaryOp::Min, 1}, {BinaryOp::Max, -1}};
inline constexpr IntegerStep kFlippedBits[] = {{BinaryOp::Xor, -1}};
inline constexpr IntegerStep kFlippedBool[] = {{BinaryOp::Xor, 1}};

// Tolerances: 4 units of 2^-23 at most, of which the tests of the kernels know more, and the reference's rounding.
inline constexpr Function kUnaryTable[] = {
    // clang-format off
    {.name = "Abs", .of = [](double x, double, double) { return std::abs(x); }, .kernel = Activation::Abs,
     .types = kAllNumbers, .integers = kSizes},
    {.name = "Neg", .of = [](double x, double, double) { return -x; }, .kernel = Activation::Neg,
     .types = kFloats | kSignedIntegers, .integers = kOpposites},
    {.name = "Sign", .of = [](double x, double, double) { return x > 0 ? 1 : x < 0 ? -1 : x; },
     .kernel = Activation::Sign, .types = kAllNumbers, .integers = kSigns},
    {.name = "Not", .of = nullptr, .types = kBools, .integers = kFlippedBool},
    {.name = "BitwiseNot", .of = nullptr, .types = kIntegers, .integers = kFlippedBits},
    {.name = "Ceil", .of = [](double x, double, double) { return std::ceil(x); }, .kernel = Activation::Ceil},
    {.name = "Floor", .of = [](double x, double, double) { return std::floor(x); }, .kernel = Activation::Floor},
    {.name = "Round", .of = [](double x, double, double) { return std::nearbyint(x); }, .kernel = Activation::Round},
    {.name = "Sqrt", .of = [](double x, double, double) { return std::sqrt(x); }, .kernel = Activation::Sqrt},
    {.name = "Reciprocal", .of = [](double x, double, double) { return 1 / x; }, .kernel = Activation::Reciprocal},
    {.name = "Exp", .of = [](double x, double, double) { return std::exp(x); }, .kernel = Activation::Exp,
     .tolerance = 8, .work = 2},
    {.name = "Log", .of = [](double x, double, double) { return std::log(x); }, .kernel = Activation::Log,
     .tolerance = 8, .work = 3},
    {.name = "Erf", .of = [](double x, double, double) { return std::erf(x); }, .kernel = Activation::Erf,
     .tolerance = 8, .work = 3, .types = kAllNumbers},
    {.name = "Sin", .of = [](double x, double, double) { return std::sin(x); }},
    {.name = "Cos", .of = [](double x, double, double) { return std::cos(x); }},
    {.name = "Tan", .of = [](double x, double, double) { return std::tan(x); }},
    {.name = "Asin", .of = [](double x, double, double) { return std::asin(x); }},
    {.name = "Acos", .of = [](double x, double, double) { return std::acos(x); }},
    {.name = "Atan", .of = [](double x, double, double) { return std::atan(x); }},
    {.name = "Sinh", .of = [](double x, double, double) { return std::sinh(x); }},
    {.name = "Cosh", .of = [](double x, double, double) { return std::cosh(x); }},
    {.name = "Asinh", .of = [](double x, double, double) { return std::asinh(x); }},
    {.name = "Acosh", .of = [](double x, double, double) { return std::acosh(x); }},
    {.name = "Atanh", .of = [](double x, double, double) { return std::atanh(x); }},
    // clang-format on
};
inline constexpr auto kUnary = records_of<FunctionRecord, kUnaryTable>();

}  // namespace coverslip::inline v0::ops
