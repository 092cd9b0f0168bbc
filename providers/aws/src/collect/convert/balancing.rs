//! Load balancers, listeners and targets.

use aws_sdk_elasticloadbalancingv2::types;

use super::{id, list, text, word};
use crate::records::{
    BalancingAttribute, ForwardConfig, Listener, ListenerAction, ListenerRule, LoadBalancer, LoadBalancerState,
    TargetDescription, TargetGroup, TargetGroupShare, TargetHealth, TargetHealthDescription,
};

pub(in crate::collect) fn load_balancer(from: types::LoadBalancer) -> LoadBalancer<'static> {
    LoadBalancer {
        load_balancer_arn: id(from.load_balancer_arn),
        dns_name: text(from.dns_name),
        scheme: from.scheme.map(|scheme| word(scheme.as_str())),
        ip_address_type: from.ip_address_type.map(|kind| word(kind.as_str())),
        state: from.state.map(|state| LoadBalancerState { code: state.code.map(|code| word(code.as_str())) }),
    }
}

pub(in crate::collect) fn listener(from: types::Listener) -> Listener<'static> {
    Listener {
        listener_arn: id(from.listener_arn),
        load_balancer_arn: text(from.load_balancer_arn),
        port: from.port,
        protocol: from.protocol.map(|protocol| word(protocol.as_str())),
        default_actions: list(from.default_actions, action),
    }
}

/// Of an action, what it sends to: it may hold the secret of a client of an identity provider.
fn action(from: types::Action) -> ListenerAction<'static> {
    ListenerAction {
        kind: from.r#type.map(|kind| word(kind.as_str())).unwrap_or_default(),
        target_group_arn: text(from.target_group_arn),
        forward_config: from.forward_config.map(|config| ForwardConfig {
            target_groups: list(config.target_groups, |share| TargetGroupShare {
                target_group_arn: id(share.target_group_arn),
                weight: share.weight,
            }),
        }),
    }
}

pub(in crate::collect) fn listener_rule(from: types::Rule) -> ListenerRule<'static> {
    ListenerRule { rule_arn: id(from.rule_arn), actions: list(from.actions, action) }
}

pub(in crate::collect) fn target_group(from: types::TargetGroup) -> TargetGroup<'static> {
    TargetGroup {
        target_group_arn: id(from.target_group_arn),
        target_group_name: text(from.target_group_name),
        protocol: from.protocol.map(|protocol| word(protocol.as_str())),
        port: from.port,
        load_balancer_arns: list(from.load_balancer_arns, |arn| id(Some(arn))),
        target_type: from.target_type.map(|kind| word(kind.as_str())),
        ip_address_type: from.ip_address_type.map(|kind| word(kind.as_str())),
    }
}

pub(in crate::collect) fn target(from: types::TargetHealthDescription) -> TargetHealthDescription<'static> {
    let target = from.target;
    TargetHealthDescription {
        target: target.map_or_else(TargetDescription::default, |target| TargetDescription {
            id: id(target.id),
            port: target.port,
            availability_zone: text(target.availability_zone),
        }),
        target_health: from
            .target_health
            .map(|health| TargetHealth { state: health.state.map(|state| word(state.as_str())) }),
    }
}

pub(in crate::collect) fn attribute(key: Option<String>, value: Option<String>) -> BalancingAttribute<'static> {
    BalancingAttribute { key: id(key), value: id(value) }
}
