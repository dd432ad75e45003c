/// The process of the bank.
#pragma once

#include <string>

namespace bank {

/// Until it is terminated. Ready when its bank is published.
int serve(std::string group, std::string journal);

}  // namespace bank
