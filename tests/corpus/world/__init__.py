# SPDX-License-Identifier: Apache-2.0
"""What the gateway is told: ports, devices, policy. One description for the oracle and, as YAML, for cordon."""
