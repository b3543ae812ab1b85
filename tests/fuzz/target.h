// What each fuzz target defines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Ends the program if it finds a fault; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Inputs that reach far, to be changed. Called by the replay only.
std::vector<std::string> FuzzSeeds();
