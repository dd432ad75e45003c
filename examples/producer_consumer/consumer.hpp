#pragma once

#include <cstdint>
#include <string>

namespace producer_consumer {

/// The process of one consumer.
int consumer(std::string jobs_name, std::string reports_name, std::uint32_t rule);

}  // namespace producer_consumer
