// Recipe texts by chance: mostly right ones.
#pragma once

#include <random>
#include <string>

namespace stockroom::test {

// Steps that fit together or not, in any order; each by itself is right. Returns other texts for
// other states of `random`, the same on every machine.
std::string RandomRecipeText(std::mt19937_64& random);

}  // namespace stockroom::test
