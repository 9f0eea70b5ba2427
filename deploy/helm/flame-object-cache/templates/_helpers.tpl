{{/* Names and labels, and texts that several templates need. */}}

{{- define "cache.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "cache.fullname" -}}
{{- $name := include "cache.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "cache.selector" -}}
app.kubernetes.io/name: {{ include "cache.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cache.labels" -}}
{{ include "cache.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "cache.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "cache.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "cache.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "cache.scheme" -}}
{{ ternary "grpcs" "grpc" .Values.tls.enabled }}
{{- end }}

{{- define "cache.endpoint" -}}
{{- $host := printf "%s.%s.svc:%v" (include "cache.fullname" .) .Release.Namespace .Values.service.port }}
{{- .Values.cache.advertise | default (printf "%s://%s" (include "cache.scheme" .) $host) }}
{{- end }}

{{- define "cache.accessSecret" -}}
{{- .Values.access.existingSecret | default (printf "%s-access" (include "cache.fullname" .)) }}
{{- end }}

{{/* flame-cluster.yaml. The listeners' ports inside the pod are fixed; services map them. */}}
{{- define "cache.config" -}}
{{- $settings := dict
  "endpoint" (printf "%s://0.0.0.0:9090" (include "cache.scheme" .))
  "advertise" (include "cache.endpoint" .)
  "admin" (printf "%s://0.0.0.0:9091" (ternary "https" "http" .Values.tls.enabled))
  "threads" .Values.cache.threads
  "eviction" (dict "max_memory" .Values.cache.maxMemory) }}
{{- with .Values.bucket }}
{{- if .location }}
{{- $_ := set $settings "storage" .location }}
{{- $_ := set $settings "max_staleness" .maxStaleness }}
{{- $store := dict }}
{{- if .endpoint }}{{ $_ := set $store "endpoint" .endpoint }}{{ end }}
{{- if .region }}{{ $_ := set $store "region" .region }}{{ end }}
{{- if $store }}{{ $_ := set $settings "s3" $store }}{{ end }}
{{- if .localCache.size }}
{{- $_ := set $settings "local_cache" "/var/lib/flame-object-cache" }}
{{- $_ := set $settings "local_capacity" .localCache.capacity }}
{{- end }}
{{- else }}
{{- $_ := set $settings "storage" "fs:///var/lib/flame-object-cache" }}
{{- $_ := set $settings "durability" $.Values.cache.durability }}
{{- $_ := set $settings "capacity" $.Values.cache.capacity }}
{{- end }}
{{- end }}
{{- if .Values.access.enabled }}
{{- $_ := set $settings "access" (dict "file" "/etc/flame/access/access.yaml" "require_auth" true) }}
{{- end }}
{{- if .Values.tls.enabled }}
{{- $tls := dict "cert_file" "/etc/flame/tls/tls.crt" "key_file" "/etc/flame/tls/tls.key" }}
{{- if .Values.tls.hasCa }}{{ $_ := set $tls "ca_file" "/etc/flame/tls/ca.crt" }}{{ end }}
{{- $_ := set $settings "tls" $tls }}
{{- end }}
{{- dict "cache" (mergeOverwrite $settings (deepCopy .Values.cache.extra)) | toYaml }}
{{- end }}

{{/* What a release cannot work without, said before anything is installed. */}}
{{- define "cache.check" -}}
{{- if and .Values.access.enabled (not .Values.access.existingSecret) (not .Values.access.file) }}
{{- fail "access.enabled needs access.existingSecret or access.file" }}
{{- end }}
{{- if and .Values.tls.enabled (not .Values.tls.existingSecret) }}
{{- fail "tls.enabled needs tls.existingSecret" }}
{{- end }}
{{- with .Values.bucket }}
{{- if and .localCache.size (not .localCache.capacity) }}
{{- fail "bucket.localCache.size needs bucket.localCache.capacity" }}
{{- end }}
{{- end }}
{{- end }}
