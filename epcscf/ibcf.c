/* The IBCF at the border to a WAAF in static mode (TR 23.701 6.3.2.1.4, TS 23.228 S.2): TLS with
 * certificates both ways, and nobody registers over it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metric.h"
#include "epcscf/epcscf.h"

METRIC_COUNTER(registers, "imsrig_epcscf_ibcf_registers_total",
	"REGISTERs over a link that has none, refused");

void epcscf_ibcf(struct sip_req *req, const struct epcscf_waaf *waaf)
{
	static const struct edge_fault no_registrar = {EDGE_NO_BORDER,
		"REGISTER over the border to a WAAF in static mode (waafs.border: ibcf)"};
	if (sip_req_msg(req)->method != SIP_M_REGISTER) {
		edge_answer_other(req);
		return;
	}
	registers.value++;
	edge_refuse(req, &no_registrar);
}
