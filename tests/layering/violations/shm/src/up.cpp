#include <hawser/actors/process.hpp>

#include "../../actors/src/private.hpp"
