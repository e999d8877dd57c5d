-- How Argo CD sees an object: in its ConfigMap argocd-cm, under resource.customizations.health.marquee.dev_FleetRelease.
local health = {status = "Progressing", message = "the control plane has not seen it yet"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(status.conditions) do
  if condition.status == "True" then
    health.message = condition.message
    if condition.type == "Ready" then
      health.status = "Healthy"
    elseif condition.type == "Stalled" then
      health.status = "Degraded"
    elseif condition.reason == "Paused" or condition.reason == "Gated" then
      health.status = "Suspended"
    end
  end
end
return health
